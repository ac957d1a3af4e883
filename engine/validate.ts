// A loaded document against the schemas of the language: every mistake, each once, in words.
import { connectors, documents, formats, tasks as ops, type Shape } from '../schemas/generated/language.ts';
import type { Manifest } from '../schemas/generated/types.ts';
import { type Validate, validators } from '../schemas/generated/validators.ts';
import { connectorPart, type OwnConnector, type OwnConnectors } from './connector-parts.ts';
import { aliasProblem, isEid } from './eid.ts';
import { pointerTo } from './pointer.ts';
import type { Reporter } from './report.ts';
import { looksSecret } from './secret-names.ts';
import { didYouMean, didYouMeanOrKnown } from './suggest.ts';
import { mistakesOf } from './validate/mistakes.ts';
import { everyTask, isMap, markedValues, type TaskList, type TaskPlace, taskListOf } from './validate/tasks.ts';
import { describeValue, nameInDocument, shortText } from './validate/wording.ts';

const mostTasks = 5_000;

export interface ValidateOptions {
  /** Connectors besides those of the language. Their connections are not looked into. */
  connectors?: ReadonlySet<string>;
  /** Those of the project. */
  own?: OwnConnectors;
  /** Only these connections are looked into, by their keys; all, unless told. */
  only?: ReadonlySet<string>;
}

/** Validates a pipe. The list of its tasks comes back for what else there is to check; undefined when there is none. */
export async function validatePipe(reporter: Reporter, options: ValidateOptions = {}): Promise<TaskList | undefined> {
  const { value } = reporter.source;
  if (!isMap(value)) {
    const message = `a pipe is a map with the key "tasks", or a list of tasks, and this is ${describeValue(value)}`;
    reporter.report({ code: 'NOT_A_DEFINITION', message, pointer: '' });
    return undefined;
  }
  await validateDocument(reporter, value, 'pipe', 'the pipe');
  await validateConnections(reporter, value.connections, options);
  const list = taskListOf(value.tasks, '/tasks');
  const count = [...everyTask(list)].length;
  if (count > mostTasks) {
    reporter.report({
      code: 'RANGE',
      message: `the pipe has ${count} tasks, and at most ${mostTasks} can be`,
      pointer: '/tasks',
    });
    return undefined;
  }
  const settings = isMap(value.settings) ? value.settings : {};
  for (const place of everyTask(list)) await validateTask(reporter, place, options);
  for (const place of everyTask(taskListOf(settings.on_error, '/settings/on_error', 'settings.on_error.')))
    await validateTask(reporter, place, options);
  return list;
}

/** Validates a project file, `pipewright.yaml`. */
export async function validateProject(reporter: Reporter, options: ValidateOptions = {}): Promise<void> {
  const { value } = reporter.source;
  if (!isMap(value)) {
    reporter.report({
      code: 'NOT_A_DEFINITION',
      message: `a project file is a map, and this is ${describeValue(value)}`,
      pointer: '',
    });
    return;
  }
  for (const { parts } of markedValues(documents.project, value, ({ secret }) => secret === true)) {
    reporter.source.hide(pointerTo('', ...parts));
  }
  await validateDocument(reporter, value, 'project', 'the project file');
  await validateConnections(reporter, value.connections, options);
}

/** Validates a manifest. It comes back where its shape is right. */
export async function validateManifest(reporter: Reporter): Promise<Manifest | undefined> {
  const { value } = reporter.source;
  if (!isMap(value)) {
    const message = `a manifest is a map, and this is ${describeValue(value)}`;
    reporter.report({ code: 'NOT_A_DEFINITION', message, pointer: '' });
    return undefined;
  }
  const [{ validate }, { manifest: shape }] = await Promise.all([
    validators.manifest(),
    import('../schemas/generated/manifest.ts'),
  ]);
  const mistakes = mistakesOf(validate, { value, pointer: '', shape, label: 'the manifest' });
  for (const mistake of mistakes) reporter.report(mistake);
  return mistakes.length === 0 ? (value as unknown as Manifest) : undefined;
}

async function validateDocument(
  reporter: Reporter,
  value: Record<string, unknown>,
  name: 'pipe' | 'project',
  label: string,
) {
  const { validate } = await validators[name]();
  for (const mistake of mistakesOf(validate, {
    value,
    pointer: '',
    shape: documents[name],
    label,
    nameOf: nameInDocument,
  }))
    reporter.report(mistake);
}

async function validateTask(reporter: Reporter, place: TaskPlace, options: ValidateOptions): Promise<void> {
  const { op, part, pointer, label, task } = place;
  if (op === undefined) return;
  if (part === undefined) {
    const hint = didYouMean(op, Object.keys(ops));
    const help = hint === '' ? { help: `the ops are ${Object.keys(ops).join(', ')}` } : {};
    reporter.report({
      code: 'UNKNOWN_OP',
      message: `${label}: there is no op ${shortText(op)}${hint}`,
      pointer: `${pointer}/op`,
      ...help,
    });
    return;
  }
  const { validate } = await validators.tasks[op]!();
  for (const mistake of mistakesOf(validate, { value: task, pointer, shape: part, label })) reporter.report(mistake);
  for (const { value, parts } of markedValues(part, task, ({ format }) => format === true)) {
    if (isMap(value)) await validateFormat(reporter, value, pointerTo(pointer, ...parts), label);
  }
  for (const { value, parts } of markedValues(part, task, ({ connection }) => connection === true)) {
    if (!isMap(value)) continue;
    const place = pointerTo(pointer, ...parts);
    await validateConnection(reporter, value, place, `the connection of ${label}`, options);
    warnOfSecrets(
      reporter,
      value,
      place,
      `the connection of ${label}`,
      () => 'keep it in a credential store and write ${secret("name")}',
      options,
    );
  }
}

async function validateFormat(
  reporter: Reporter,
  value: Record<string, unknown>,
  pointer: string,
  owner: string,
): Promise<void> {
  const { name } = value;
  if (typeof name !== 'string' || name.includes('${')) return;
  if (!Object.hasOwn(formats, name)) {
    const hint = didYouMeanOrKnown(name, Object.keys(formats), 'the formats are');
    reporter.report({
      code: 'UNKNOWN_FORMAT',
      message: `${owner}: there is no format ${shortText(name)}${hint}`,
      pointer: `${pointer}/name`,
    });
    return;
  }
  await validatePart(reporter, validators.formats[name]!, {
    value,
    pointer,
    shape: formats[name]!,
    label: `the format ${name} of ${owner}`,
  });
}

async function validateConnections(reporter: Reporter, value: unknown, options: ValidateOptions): Promise<void> {
  if (!isMap(value)) return;
  const eids = new Map<string, string>();
  const defaults = new Map<unknown, string>();
  for (const [alias, connection] of Object.entries(value)) {
    if (options.only?.has(alias) === false) continue;
    const pointer = pointerTo('/connections', alias);
    const label = `connection ${shortText(alias)}`;
    const problem = aliasProblem(alias);
    // Its form is checked by the schema; the rest cannot be said in one.
    const isNameless = isEid(alias) && isMap(connection) && connection.eid === alias;
    if (problem !== undefined && !isNameless && /^[a-z][a-z0-9_-]{1,63}$/.test(alias)) {
      reporter.report({ code: 'PATTERN', message: `the alias ${shortText(alias)} ${problem}`, pointer, part: 'key' });
    }
    if (!isMap(connection)) continue;
    await validateConnection(reporter, connection, pointer, label, options);
    const advice = () =>
      `\`pipe connections secure ${alias}${placeOption(reporter)}\` moves it to the credential store`;
    warnOfSecrets(reporter, connection, pointer, label, advice, options);
    const { eid, connector } = connection;
    if (connection.default === true) {
      const before = defaults.get(connector);
      if (before === undefined) defaults.set(connector, alias);
      else {
        const message = `${label} is the default of ${connector}, and connection ${shortText(before)} is as well`;
        reporter.report({ code: 'NOT_ALLOWED', message, pointer: `${pointer}/default` });
      }
    }
    if (typeof eid !== 'string' || !isEid(eid)) continue;
    const before = eids.get(eid);
    if (before === undefined) eids.set(eid, alias);
    else {
      const message = `${label} has the EID of connection ${shortText(before)}; leave it out to get a new one`;
      reporter.report({ code: 'DUPLICATE_EID', message, pointer: `${pointer}/eid` });
    }
  }
}

async function validateConnection(
  reporter: Reporter,
  value: Record<string, unknown>,
  pointer: string,
  label: string,
  options: ValidateOptions,
): Promise<void> {
  const { connector } = value;
  const own = ownOf(connector, options);
  const part = connectorPart(connector, own);
  hideSecrets(reporter, value, pointer, part?.secrets ?? []);
  if (typeof connector !== 'string') return;
  if (part !== undefined) {
    const full = `${label} (${connector})`;
    const load = validators.connectors[connector] ?? own!.validator;
    await validatePart(reporter, load, { value, pointer, shape: part, label: full });
  } else if (own === undefined && options.connectors?.has(connector) !== true) {
    const hint = didYouMeanOrKnown(
      connector,
      [...new Set([...Object.keys(connectors), ...(options.connectors ?? []), ...(options.own?.keys() ?? [])])],
      'the connectors are',
    );
    reporter.report({
      code: 'UNKNOWN_CONNECTOR',
      message: `${label}: there is no connector ${shortText(connector)}${hint}`,
      pointer: `${pointer}/connector`,
    });
  }
}

function ownOf(connector: unknown, { own }: ValidateOptions): OwnConnector | undefined {
  return typeof connector === 'string' ? own?.get(connector) : undefined;
}

function hideSecrets(
  reporter: Reporter,
  value: Record<string, unknown>,
  pointer: string,
  secrets: readonly string[],
): void {
  for (const [key, field] of Object.entries(value)) {
    const secret = secrets.includes(key) || looksSecret(key);
    if (secret && !(typeof field === 'string' && /^\$\{.*\}$/s.test(field)))
      reporter.source.hide(pointerTo(pointer, key));
  }
}

/** Where the command has to look, for a file in which it does not look by itself. */
function placeOption({ source: { file } }: Reporter): string {
  return /(^|[\\/])(pipewright|connections)\.yaml$/.test(file) || file.startsWith('<') ? '' : ` --in ${file}`;
}

function warnOfSecrets(
  reporter: Reporter,
  value: Record<string, unknown>,
  pointer: string,
  label: string,
  advice: () => string,
  options: ValidateOptions,
): void {
  const { connector } = value;
  for (const key of connectorPart(connector, ownOf(connector, options))?.secrets ?? []) {
    const field = value[key];
    if (!Object.hasOwn(value, key) || typeof field !== 'string' || field === '' || field.includes('${')) continue;
    reporter.report({
      code: 'SECRET_LITERAL',
      severity: 'warning',
      message: `${label} (${connector}): ${key} is a secret and stands in a file`,
      pointer: pointerTo(pointer, key),
      part: 'key',
      help: `${advice()}, or write ${key}: \${env.NAME}`,
    });
  }
}

async function validatePart(
  reporter: Reporter,
  load: () => Promise<{ validate: Validate }>,
  validated: { value: unknown; pointer: string; shape: Shape; label: string },
): Promise<void> {
  let validate = loaded.get(load);
  if (validate === undefined) {
    ({ validate } = await load());
    loaded.set(load, validate);
  }
  for (const mistake of mistakesOf(validate, validated)) reporter.report(mistake);
}

// Asking the module system again takes longer than validating a connection.
const loaded = new Map<() => Promise<{ validate: Validate }>, Validate>();
