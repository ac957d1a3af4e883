// `${secret("name")}`, `${file("…")}` and `${env.NAME}` in the fields of a connection: looked up first, then put in.
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { configScope, secretScope } from '../schemas/generated/language.ts';
import { type ConnectionDefinition, type FoundConnection, isOwnField } from './connections.ts';
import { connectorPart, type OwnConnector, partOf } from './connector-parts.ts';
import type { Value } from './contracts/data.ts';
import { configuredPath } from './credentials/folder.ts';
import { Failure, failure } from './errors.ts';
import { compileValue, type Evaluate, type ExpressionScope } from './expressions.ts';
import { connectionScope } from './scope.ts';
import { looksSecret } from './secret-names.ts';
import { placeAt } from './validate/fields.ts';

export interface ReferenceParts {
  params: Record<string, Value>;
  /** Relative paths start here, where the connection does not say. */
  folder: string;
  /** A secret of the stores by its name. */
  secret(name: string): Promise<string>;
  /** Told of every value that is secret, before it is used. */
  learn(value: string): void;
}

const mostBytes = 1024 * 1024;

/** Gives the value of one field of a connection. Its failures are about the connection, whatever is missing. */
export async function evaluateField(
  found: FoundConnection,
  field: string,
  value: Value,
  parts: ReferenceParts,
): Promise<Value> {
  const shape = partOf(found);
  const info = shape === undefined ? {} : placeAt(shape, [field]).info;
  const names = info.scope ?? (info.secret === true ? secretScope : configScope);
  const where = `connection ${found.name} ${field}`;
  const evaluate = compileValue(value, { where, names });
  const folder = found.folder ?? parts.folder;
  const secretive = names.includes('secret');
  learnFrom(value, '', info.secret === true, parts.learn);
  if (evaluate === undefined) return info.path === undefined ? value : absolute(value, folder);

  const learned = async (text: Promise<string>) => {
    parts.learn(await text);
    return text;
  };
  const look = {
    secret: (name: string) => learned(parts.secret(name)),
    file: (path: string) => learned(readSecretFile(path, folder, `connection ${found.name}`)),
  };
  try {
    const result = await evaluateWith(evaluate, connectionScope(parts.params), secretive ? look : {});
    return info.path === undefined ? result : absolute(result, folder);
  } catch (error) {
    throw aboutConnection(error, found, field, info.secret === true);
  }
}

type Look = Partial<Record<'secret' | 'file', (name: string) => Promise<string>>>;

/** Evaluates with functions whose results must be waited for: what is needed shows on the way, one more each round. */
export async function evaluateWith(evaluate: Evaluate, scope: ExpressionScope, look: Look): Promise<Value> {
  const known = new Map<string, string>();
  let wanted: { kind: 'secret' | 'file'; name: string } | undefined;
  const reference = (kind: 'secret' | 'file') => (name: string) => {
    const text = known.get(`${kind} ${name}`);
    if (text === undefined) wanted ??= { kind, name };
    return text ?? '';
  };
  const functions = Object.fromEntries(Object.keys(look).map((kind) => [kind, reference(kind as 'secret' | 'file')]));
  for (;;) {
    wanted = undefined;
    let result: Value = null;
    let failed: { error: unknown } | undefined;
    try {
      result = evaluate({ ...scope, ...functions });
    } catch (error) {
      failed = { error };
    }
    const next = wanted as { kind: 'secret' | 'file'; name: string } | undefined;
    if (next !== undefined) known.set(`${next.kind} ${next.name}`, await look[next.kind]!(next.name));
    else if (failed !== undefined) throw failed.error;
    else return result;
  }
}

/** A file's text without the line end at its end, as editors and `docker secret` leave it. */
export async function readSecretFile(path: string, folder: string, owner: string): Promise<string> {
  const unreadable = (reason: string, cause?: unknown) =>
    failure('SECRET_UNREADABLE', { owner, path, reason }, cause === undefined ? {} : { cause });
  try {
    const bytes = await readFile(configuredPath(path.replace(/^file:\/\//, ''), folder));
    if (bytes.length > mostBytes) throw unreadable('is larger than 1 MiB');
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes).replace(/\r?\n$/, '');
  } catch (error) {
    if (error instanceof Failure) throw error;
    // The decoder's error may quote what it could not read.
    if (error instanceof TypeError) throw unreadable('is not UTF-8');
    const { code, message } = error as NodeJS.ErrnoException;
    const reasons: Record<string, string> = {
      ENOENT: 'does not exist',
      EACCES: 'may not be read',
      EISDIR: 'is a folder',
    };
    throw unreadable(reasons[code ?? ''] ?? `cannot be read: ${message}`, error);
  }
}

function aboutConnection(error: unknown, { name }: FoundConnection, field: string, secret: boolean): unknown {
  if (!(error instanceof Failure) || error.code !== 'EXPRESSION_FAILED') return error;
  const { expression, reason } = error.data as { expression: string; reason: string };
  const hint = `: ${expression}: ${reason}`;
  if (secret) return failure('CREDENTIAL_MISSING', { connection: name, fields: field, hint, inline: true });
  return failure('CONNECTION_INVALID', { reason: `connection ${name}: ${field}${hint}` });
}

/** Relative paths in a connection start at the file that defines it. */
function absolute(value: Value, folder: string): Value {
  if (typeof value !== 'string' || value === '' || /^[a-z][a-z0-9+.-]*:|^:|^~/i.test(value)) return value;
  return resolve(folder, value);
}

const sensitiveVariable = /key|secret|token|pass|pwd|credential|auth|cookie|session|signature/i;
const sensitiveField =
  /(^|[-_.])(key|\w*api[-_]?key|\w*token|\w*secret|\w*password|passwd|pwd|pass|credentials?|auth|authorization|cookie|session|sig|signature)$/i;

/** Headers and the like may hold a secret as well, as text or from the environment: their names tell. */
function learnFrom(value: Value, field: string, secret: boolean, learn: (value: string) => void): void {
  if (typeof value === 'string') {
    for (const [, name] of value.matchAll(/\benv\s*(?:\.\??|\[\s*\??\s*["'])\s*(\w+)/g)) {
      const text = process.env[name!];
      if (text !== undefined && (secret || sensitiveVariable.test(name!) || sensitiveField.test(field))) learn(text);
    }
    if (!value.includes('${') && (secret || sensitiveField.test(field))) {
      learn(value);
      // `Bearer …`, `Token …`
      const scheme = /^[A-Za-z][\w-]* +(\S.*)$/.exec(value);
      if (scheme !== null) learn(scheme[1]!);
    }
    return;
  }
  if (typeof value === 'number' && (secret || sensitiveField.test(field))) learn(String(value));
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return;
  for (const [key, each] of Object.entries(value)) learnFrom(each, Array.isArray(value) ? field : key, secret, learn);
}

/** Tells of every secret that a definition holds as text, right or wrong, before anything is said about it. */
export function learnDefinition(
  definition: Readonly<Record<string, unknown>>,
  learn: (value: string) => void,
  own?: OwnConnector,
): void {
  const part = connectorPart(definition.connector, own);
  for (const [field, value] of Object.entries(definition)) {
    // A field that the connector does not have may be a secret one misspelt.
    const known = part?.keys['']?.includes(field) ?? !isOwnField(field);
    learnFrom(value as Value, '', part?.secrets.includes(field) || (!known && looksSecret(field)), learn);
    if (hasPassword(value)) learn(String(value));
  }
}

/**
 * A definition with `replaced` in the place of each secret that it holds as text; undefined takes it out. A field that
 * the connector does not have may be a secret one misspelt.
 */
export function withSecretTexts(
  { definition, own }: Pick<FoundConnection, 'definition' | 'own'>,
  replaced: () => string | undefined,
): ConnectionDefinition {
  const part = partOf({ definition, own });
  const visit = (value: unknown, secret: boolean): unknown => {
    if (Array.isArray(value)) return value.flatMap((each) => visit(each, secret) ?? []);
    if (typeof value === 'object' && value !== null)
      return Object.fromEntries(
        Object.entries(value).flatMap(([key, each]) => {
          const shown = visit(each, secret || sensitiveField.test(key));
          return shown === undefined ? [] : [[key, shown]];
        }),
      );
    const plain = (typeof value === 'string' && !value.includes('${')) || typeof value === 'number';
    return plain && (secret || hasPassword(value)) ? replaced() : value;
  };
  const fields = Object.entries(definition).flatMap(([field, value]) => {
    const unknown = part?.keys['']?.includes(field) === false;
    const shown = isOwnField(field) ? visit(value, unknown || part?.secrets.includes(field) === true) : value;
    return shown === undefined ? [] : [[field, shown]];
  });
  return Object.fromEntries(fields) as ConnectionDefinition;
}

/** `postgres://user:password@host`. */
function hasPassword(value: unknown): boolean {
  return typeof value === 'string' && /^[a-z][\w+.-]*:\/\/[^/]*:[^/]*@/i.test(value);
}
