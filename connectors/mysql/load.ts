// Lines into a table: LOAD DATA LOCAL, or INSERT where the server forbids it. What the server changed or left out it only
// warns of, so a warning is a refusal; the rows behind it are found by halving.
import { failure } from '../../engine/errors.ts';
import type { Session } from './connect.ts';
import type { Pair } from './encode.ts';
import { isRowError, plainNames } from './errors.ts';
import { quoteName } from './sql.ts';
import { isSpatial } from './types.ts';

/** What the server has against some of the lines. */
export interface Refusal {
  reason: string;
  /** The first such line, from 1, where the server says it. */
  line?: number;
  /** Others that it has named in the same go, each with what it has against it. */
  others?: readonly Refusal[];
}

/** Puts lines into a table. A refusal leaves the statement's rows half-done: go back to a savepoint. */
export type Load = (chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>) => Promise<Refusal | undefined>;

export function createLoad(
  session: Session,
  target: { table: string; pairs: readonly Pair[]; replacing?: boolean },
  { inserting }: { inserting: boolean },
): Load {
  const run = inserting ? inserts(session, target) : loads(session, target);
  return async (chunks) => {
    try {
      return await run(chunks);
    } catch (error) {
      if (!isRowError(error)) throw error;
      return refusalOf(error.message);
    }
  };
}

function refusalOf(message: string): Refusal {
  const found = / at row (\d+)$/.exec(message);
  const reason = plainNames(message.slice(0, found?.index));
  return found === null ? { reason } : { reason, line: Number(found[1]) };
}

/** How a column's text becomes its value where the server would not read it so. */
function conversionOf({ to: { native = '', type } }: Pair): ((text: string) => string) | undefined {
  if (type === 'binary' || isSpatial(native)) return (text) => `unhex(${text})`;
  if (native.startsWith('bit(')) return (text) => `cast(${text} as unsigned)`;
  return undefined;
}

interface LoadTarget {
  table: string;
  pairs: readonly Pair[];
  replacing?: boolean;
}

function loads({ wire }: Session, { table, pairs, replacing }: LoadTarget) {
  const list: string[] = [];
  const set: string[] = [];
  for (const [i, pair] of pairs.entries()) {
    const conversion = conversionOf(pair);
    const name = quoteName(pair.to.name);
    list.push(conversion === undefined ? name : `@pipewright_${i}`);
    if (conversion !== undefined) set.push(`${name} = ${conversion(`@pipewright_${i}`)}`);
  }
  const statement = `load data local infile 'pipewright' ${replacing ? 'replace ' : ''}into table ${table}
    character set utf8mb4 fields terminated by '\\t' escaped by '\\\\' lines terminated by '\\n'
    (${list.join(', ')})${set.length === 0 ? '' : ` set ${set.join(', ')}`}`;
  return async (chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<Refusal | undefined> => {
    const { warnings } = await wire.load(statement, each(chunks));
    return warnings === 0 ? undefined : warning(wire);
  };
}

async function* each<T>(items: AsyncIterable<T> | Iterable<T>): AsyncGenerator<T> {
  yield* items;
}

async function warning(wire: Session['wire']): Promise<Refusal> {
  const { rows } = await wire.query('show warnings');
  const [first, second] = rows.map(([, , message]) => message!);
  // Of a document that is none it says what is wrong, and then of which column it is.
  const isCheck = second !== undefined && rows[1]![1] === '4025' && rows[0]![1] !== '4025';
  if (isCheck) return refusalOf(`${first}; ${second}`);
  const all = rows.map(([, , message]) => refusalOf(message!));
  // What the types of a line are refused for depends on no other line; the rest is found out once these are gone.
  const named = all.filter(({ line }, i) => line !== undefined && all.findIndex((other) => other.line === line) === i);
  if (named.length > 0) return { ...named[0]!, others: named.slice(1) };
  return all[0] ?? { reason: 'the server warned of something and did not say what' };
}

const statementBytes = 512 * 1024;

/** Statements of about half a megabyte; one row alone may need a larger one. */
function inserts({ wire, largest }: Session, { table, pairs, replacing }: LoadTarget) {
  const conversions = pairs.map(conversionOf);
  const names = pairs.map(({ to }) => quoteName(to.name)).join(', ');
  const begin = `${replacing ? 'replace' : 'insert'} into ${table} (${names}) values `;
  const tuple = (line: string): string => {
    const values = line.split('\t').map((field, i) => {
      if (field === '\\N') return 'null';
      // The escapes of the lines are those of a text in SQL, which has one more.
      const text = `'${field.replaceAll("'", "''")}'`;
      return conversions[i]?.(text) ?? text;
    });
    return `(${values.join(', ')})`;
  };
  return async (chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<Refusal | undefined> => {
    let tuples: string[] = [];
    let size = 0;
    let before = 0;
    const flush = async (): Promise<Refusal | undefined> => {
      if (tuples.length === 0) return undefined;
      const statement = begin + tuples.join(', ');
      if (Buffer.byteLength(statement) >= largest) {
        const reason = `a row is larger than the ${largest} bytes of the server's max_allowed_packet`;
        return { reason, line: before + 1 };
      }
      const shifted = (refusal: Refusal): Refusal =>
        refusal.line === undefined ? refusal : { ...refusal, line: before + refusal.line };
      try {
        const { warnings } = await wire.query(statement);
        if (warnings > 0) return shifted(await warning(wire));
      } catch (error) {
        if (!isRowError(error)) throw error;
        return shifted(refusalOf(error.message));
      }
      before += tuples.length;
      tuples = [];
      size = 0;
      return undefined;
    };
    for await (const chunk of each(chunks)) {
      const text = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).toString();
      for (const line of text.split('\n').slice(0, -1)) {
        const next = tuple(line);
        if (size + next.length > Math.min(statementBytes, largest / 4)) {
          const refusal = await flush();
          if (refusal !== undefined) return refusal;
        }
        tuples.push(next);
        size += next.length;
      }
    }
    return flush();
  };
}

/** Whether rows go by INSERT, from what the connection wants and what the server allows. */
export async function insertsInstead(
  { wire }: Session,
  wish: 'auto' | 'never' | 'require',
  where: string,
  warn: (message: string) => void,
): Promise<boolean> {
  if (wish === 'never') return true;
  const { rows } = await wire.query('select @@global.local_infile');
  if (rows[0]![0] === '1') return false;
  if (wish === 'require') {
    throw failure('OPTION_UNSUPPORTED', {
      what: '`local_infile: require`',
      where: `${where}: the server has it off`,
      hint: '; set global local_infile = 1, or leave it out',
    });
  }
  warn(`${where}: the server forbids LOAD DATA LOCAL (local_infile is off), so rows go by INSERT, which is slower`);
  return true;
}
