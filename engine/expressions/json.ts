// JSON in expressions, without loss: integers beyond 2^53 are bigints, decimals and times are text.
import { randomUUID } from 'node:crypto';
import { operandOf } from './messages.ts';
import { Problem, quoted, type Site } from './problem.ts';
import { finish } from './result.ts';

// Strings, to step over them, and integers that a double may not hold.
const stringsAndLongIntegers = /"(?:[^"\\]|\\.)*"|(?<![\d.eE+-])-?[1-9]\d{15,}(?![\d.eE])/g;
// A key that no document has.
const integerKey = randomUUID();

/** The value of a JSON text. */
export function fromJson(text: string, site: Site): unknown {
  try {
    if (!/\d{16}/.test(text)) return JSON.parse(text);
    const marked = text.replace(stringsAndLongIntegers, (part) =>
      part.startsWith('"') || Number.isSafeInteger(Number(part)) ? part : `{"${integerKey}":"${part}"}`,
    );
    return JSON.parse(marked, (_, value) => {
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, integerKey)) return value;
      return BigInt(value[integerKey]);
    });
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw new Problem(() => `${operandOf(site, 0)} is ${quoted(text)}, not JSON`);
  }
}

/** JSON of any value; bytes have none. */
export function toJson(value: unknown): string {
  return write(finish(value));
}

function write(value: unknown): string {
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'number' && !Number.isFinite(value)) throw new Problem(`${value} has no form in JSON`);
  if (value instanceof Uint8Array) throw new Problem('bytes have no form in JSON; write base64.encode(…)');
  if (Array.isArray(value)) return `[${value.map(write).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).filter(([, each]) => each !== undefined);
  return `{${entries.map(([name, each]) => `${JSON.stringify(name)}:${write(each)}`).join(',')}}`;
}
