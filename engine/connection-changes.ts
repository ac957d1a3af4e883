// Adding and changing saved connections: the definition into its file, the secrets into a credential store.

import {
  editHome,
  fileOf,
  findSaved,
  keyOf,
  refuseTaken,
  type SavedHome,
  validateDefinition,
} from './connection-places.ts';
import { keepSecrets, markMixed, splitSecrets } from './connection-secrets.ts';
import { type ConnectionDefinition, type FoundConnection, isOwnField, statusKeyOf } from './connections.ts';
import { partOf } from './connector-parts.ts';
import type { Value } from './contracts/data.ts';
import { aliasProblem, newEid } from './eid.ts';
import { failure } from './errors.ts';
import type { Homes } from './homes.ts';
import { evaluateField } from './secret-references.ts';
import type { Surroundings } from './surroundings.ts';

export interface NewConnection {
  connector: string;
  /** Without one it is known by its EID. */
  alias?: string;
  /** The connector's fields, and `title`, `description`, `default`. A text for a secret field goes into the store. */
  fields?: Readonly<Record<string, unknown>>;
  /** Secret fields, in plain text. */
  secrets?: Readonly<Record<string, string>>;
  /** The user's own (unless told), or the project's. */
  home?: SavedHome;
}

export interface ConnectionEdit {
  set?: Readonly<Record<string, unknown>>;
  /** Fields to take out, secret ones too. */
  unset?: readonly string[];
  secrets?: Readonly<Record<string, string>>;
}

export interface Changed {
  found: FoundConnection;
  /** Where its secrets were put, in words; undefined when none were. */
  keptIn: string | undefined;
}

/** Saves a connection with an EID of its own. */
export async function addConnection(
  surroundings: Surroundings,
  added: NewConnection,
  signal: AbortSignal,
): Promise<Changed> {
  const { connector, alias, home = 'user' } = added;
  const homes = await surroundings.around(surroundings.folder);
  const own = homes.connectors.get(connector);
  const { fields, secrets } = splitSecrets(connector, own, added.fields ?? {}, added.secrets ?? {});
  const eid = newEid();
  const definition: ConnectionDefinition = { connector, eid, ...fields };
  const key = alias ?? eid;
  if (alias !== undefined && aliasProblem(alias) !== undefined)
    throw failure('CONNECTION_INVALID', { reason: `the alias "${alias}" ${aliasProblem(alias)}` });
  const file = fileOf(surroundings, homes, home);
  const found: FoundConnection = { name: key, alias, definition, home, shadows: [], file, own };
  markMixed(found, secrets);
  await validateDefinition(surroundings, key, definition);
  const check = homes[home]?.home.connections ?? {};
  if (Object.hasOwn(check, key)) throw failure('CONNECTION_EXISTS', { name: key, where: file });
  const keptIn = await keepSecrets(surroundings, homes, found, { secrets, signal });
  try {
    await editHome(
      surroundings,
      homes,
      home,
      (editor) => {
        refuseTaken(editor, key, file);
        editor.put(key, definition);
      },
      signal,
    );
  } catch (error) {
    if (keptIn !== undefined) await (await surroundings.stores(homes)).remove(eid, { signal });
    throw error;
  }
  const now = new Date().toISOString();
  await surroundings.status.write(statusKeyOf(found), () => ({ created: now, updated: now }), { signal });
  return { found, keptIn };
}

/** Changes fields of a saved connection. Its status is unverified from then on where they matter. */
export async function editConnection(
  surroundings: Surroundings,
  name: string,
  edit: ConnectionEdit,
  signal: AbortSignal,
): Promise<Changed> {
  const { homes, found: before } = await findSaved(surroundings, name);
  const { fields, secrets } = splitSecrets(before.definition.connector, before.own, edit.set ?? {}, edit.secrets ?? {});
  for (const fixed of ['connector', 'eid']) {
    if (Object.hasOwn(fields, fixed))
      throw failure('CONNECTION_INVALID', {
        reason: `the ${fixed} of a connection stays as it is; add another connection`,
      });
  }
  const found = { ...before, definition: { ...before.definition, ...fields } };
  // A text in the file would win over the one in the store.
  for (const field of [...(edit.unset ?? []), ...Object.keys(secrets)]) delete found.definition[field];
  const changesSecrets = Object.keys(secrets).length > 0;
  if (changesSecrets && found.definition.eid === undefined && found.definition.credential === undefined)
    found.definition.eid = newEid();
  markMixed(found, secrets);
  await validateDefinition(surroundings, keyOf(found), found.definition);
  const keptIn = await keepSecrets(surroundings, homes, found, {
    secrets,
    ...(edit.unset === undefined ? {} : { unset: edit.unset }),
    signal,
  });
  await writeDifference(surroundings, homes, before, found, signal);
  await touch(surroundings, before, found, changesSecrets, signal);
  return { found, keptIn };
}

/** What a run's `connect` task with `save: true` keeps: among the user's connections, new or in the place of the one with that alias. */
export async function saveConnection(
  surroundings: Surroundings,
  homes: Homes,
  made: FoundConnection,
  { params, signal }: { params: Record<string, Value>; signal: AbortSignal },
): Promise<void> {
  const { alias, definition } = made;
  const stores = await surroundings.stores(homes);
  const { referencedSecret } = await import('./credentials/reference.ts');
  const references = {
    params,
    folder: made.folder ?? surroundings.folder,
    secret: async (name: string) => (await referencedSecret(stores, name, stores.where(), { signal })).reveal(),
    learn: (value: string) => surroundings.redactor.add(value),
  };
  const fields: Record<string, unknown> = {};
  const secrets: Record<string, string> = {};
  const secretFields = partOf(made)?.secrets ?? [];
  for (const [field, value] of Object.entries(definition)) {
    if (field === 'connector' || field === 'eid') continue;
    // Later there are no params of this run: what is saved is what they came to.
    if (secretFields.includes(field))
      secrets[field] = String(await evaluateField(made, field, value as Value, references));
    else
      fields[field] =
        isOwnField(field) && !isReference(value) ? await evaluateField(made, field, value as Value, references) : value;
  }
  const before = homes.user?.home.connections[alias!];
  if (before === undefined) {
    await addConnection(
      surroundings,
      { connector: definition.connector, ...(alias === undefined ? {} : { alias }), fields, secrets },
      signal,
    );
    return;
  }
  const eid = before.eid ?? newEid();
  const found: FoundConnection = {
    ...made,
    home: 'user',
    definition: { connector: definition.connector, eid, ...fields },
  };
  await validateDefinition(surroundings, alias!, found.definition);
  await keepSecrets(surroundings, homes, found, { secrets, signal });
  await editHome(surroundings, homes, 'user', (editor) => editor.put(alias!, found.definition), signal);
  await touch(surroundings, found, found, true, signal);
}

/** Headers and the like that hold a secret by reference keep the reference. */
function isReference(value: unknown): boolean {
  return /\$\{[^}]*\b(?:secret|file)\s*\(/.test(JSON.stringify(value) ?? '');
}

async function writeDifference(
  surroundings: Surroundings,
  homes: Homes,
  before: FoundConnection,
  after: FoundConnection,
  signal: AbortSignal,
): Promise<void> {
  const fields = new Set([...Object.keys(before.definition), ...Object.keys(after.definition)]);
  const changed = [...fields].filter(
    (field) => JSON.stringify(before.definition[field]) !== JSON.stringify(after.definition[field]),
  );
  if (changed.length === 0) return;
  await editHome(
    surroundings,
    homes,
    before.home as SavedHome,
    (editor) => {
      for (const field of changed) editor.set(keyOf(before), field, after.definition[field]);
    },
    signal,
  );
}

/** Remembers the change; what was verified before is unverified where it may have mattered. */
export async function touch(
  surroundings: Surroundings,
  before: FoundConnection,
  after: FoundConnection,
  unverify: boolean,
  signal: AbortSignal,
): Promise<void> {
  const [from, to] = [statusKeyOf(before), statusKeyOf(after)];
  const record = surroundings.status.read()[from];
  const { digest, ...rest } = record ?? {};
  const kept = unverify || digest === undefined ? rest : { ...rest, digest };
  await surroundings.status.write(to, () => ({ ...kept, updated: new Date().toISOString() }), { signal });
  if (from !== to) await surroundings.status.write(from, () => undefined, { signal });
}
