// JSON Schema (2020-12) for records: compiled, and its errors in words.
import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import type { Row, Value } from '../engine/contracts/data.ts';
import { failure } from '../engine/errors.ts';

/** What is wrong with a record, or undefined. */
export type Check = (row: Row) => string | undefined;

/** `where` is what the schema stands in. Fails with SCHEMA_INVALID; unknown keywords are refused, those with `x-` are not. */
export function compileSchema(schema: unknown, where: string): Check {
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) {
    throw failure('SCHEMA_INVALID', { where, reason: 'is no object' });
  }
  const ajv = new Ajv2020({
    strict: true,
    strictTypes: false,
    strictTuples: false,
    strictRequired: false,
    logger: false,
  });
  formats.default(ajv);
  for (const keyword of annotations(schema)) ajv.addKeyword(keyword);
  let validate: ReturnType<typeof ajv.compile>;
  try {
    validate = ajv.compile(schema);
  } catch (error) {
    const reason = `cannot be used: ${(error as Error).message.replace(/^strict mode: /, '')}`;
    throw failure('SCHEMA_INVALID', { where, reason }, { cause: error });
  }
  return (row) => (validate(plain(row)) === true ? undefined : reasonOf(validate.errors![0]!));
}

function annotations(schema: unknown, found = new Set<string>()): Set<string> {
  if (typeof schema !== 'object' || schema === null) return found;
  for (const [key, value] of Object.entries(schema)) {
    if (key.startsWith('x-')) found.add(key);
    annotations(value, found);
  }
  return found;
}

/** As JSON Schema knows values: an int64 is a number, and bytes are text. The row itself where it has neither. */
function plain(value: Value): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString('hex')}`;
  if (Array.isArray(value)) {
    const items = value.map(plain);
    return items.every((item, at) => item === value[at]) ? value : items;
  }
  let changed: Record<string, unknown> | undefined;
  for (const name in value) {
    const member = value[name]!;
    if (typeof member !== 'bigint' && (typeof member !== 'object' || member === null)) continue;
    const other = plain(member);
    if (other === member) continue;
    changed ??= { ...value };
    changed[name] = other;
  }
  return changed ?? value;
}

/** `/total must be number`: the JSON pointer of the value, and what it must be. */
function reasonOf({ instancePath, keyword, message = 'is not valid', params }: ErrorObject): string {
  const subject = instancePath === '' ? 'it' : instancePath;
  switch (keyword) {
    case 'required':
      return `${subject} has no "${params.missingProperty}"`;
    case 'additionalProperties':
      return `${subject} has "${params.additionalProperty}", which is not allowed`;
    case 'unevaluatedProperties':
      return `${subject} has "${params.unevaluatedProperty}", which is not allowed`;
    case 'enum':
      return `${subject} must be one of ${(params.allowedValues as unknown[]).map((each) => JSON.stringify(each)).join(', ')}`;
    case 'const':
      return `${subject} must be ${JSON.stringify(params.allowedValue)}`;
    default:
      return `${subject} ${message.replace('must NOT', 'must not')}`;
  }
}
