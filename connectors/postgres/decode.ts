// COPY's text format to rows, by functions written for the columns at hand.
// https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-FILE-FORMATS
import { isAscii } from 'node:buffer';
import type { Batch, Column, Row, Value } from '../../engine/contracts/data.ts';
import { type Decoder, decoderOf } from './values.ts';

const batchRows = 8192;

/**
 * Decoded at a time, as it comes from the socket, so that the rows are gone again before the garbage collector would have
 * to move them: measured, twice as fast as a MiB.
 */
const batchBytes = 64 * 1024;

export interface DecodedBatch extends Batch {
  /** The values of the added columns in the line of the last row. */
  last: readonly Value[] | undefined;
}

/**
 * Batches of about 64 KiB of the server's text, or of one longer line. Every line ends in a line feed. `added`: columns
 * at the end of each line that belong to no row.
 */
export async function* decodeCopy(
  chunks: AsyncIterable<Uint8Array>,
  columns: readonly Column[],
  added: readonly Column[] = [],
): AsyncGenerator<DecodedBatch> {
  const lines = linesDecoder(columns, added);
  let held: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    // Only what has just come may end a line: a long one is put together once.
    const end = bytes + chunk.length < batchBytes ? 0 : chunk.lastIndexOf(10) + 1;
    if (end === 0) {
      held.push(chunk);
      bytes += chunk.length;
      continue;
    }
    held.push(chunk.subarray(0, end));
    yield* batchesOf(held.length === 1 ? (held[0] as Buffer) : Buffer.concat(held), lines);
    held = end < chunk.length ? [chunk.subarray(end)] : [];
    bytes = chunk.length - end;
  }
  if (bytes > 0) yield* batchesOf(Buffer.concat(held), lines);
}

/** `bytes` holds whole lines. */
function* batchesOf(bytes: Buffer, lines: LinesDecoder): Generator<DecodedBatch> {
  const { rows, added } = lines(bytes);
  if (rows.length <= batchRows) return yield { rows, last: added[rows.length - 1] };
  for (let i = 0; i < rows.length; i += batchRows) {
    const some = rows.slice(i, i + batchRows);
    yield { rows: some, last: added[i + some.length - 1] };
  }
}

/** The rows of whole lines, and of each line the values that belong to no row, where there are such. */
type LinesDecoder = (bytes: Buffer) => { rows: Row[]; added: Value[][] };

/** Adds what the lines hold. `codes`: the bytes, or nothing where these are not the codes of the text's characters. */
type Lines = (codes: Uint8Array | undefined, text: string, rows: Row[], added: Value[][]) => void;

function linesDecoder(columns: readonly Column[], added: readonly Column[]): LinesDecoder {
  // One function for each kind of text, so that each meets only what it is made for.
  const made = new Map<string, Lines>();
  const compiled = (ascii: boolean, escapes: boolean): Lines => {
    const kind = `${ascii} ${escapes}`;
    const found = made.get(kind) ?? compileLines(columns, added, ascii, escapes);
    made.set(kind, found);
    return found;
  };
  return (bytes) => {
    const result = { rows: [] as Row[], added: [] as Value[][] };
    const ascii = isAscii(bytes);
    const text = bytes.toString(ascii ? 'latin1' : 'utf8');
    compiled(ascii, bytes.includes(92))(ascii ? bytes : undefined, text, result.rows, result.added);
    return result;
  };
}

/**
 * Writes the loop over the lines as one function: a field ends at its tab, and is decoded where its type asks for it.
 * Of the columns only their number, their order and their quoted names get into the text.
 */
function compileLines(columns: readonly Column[], added: readonly Column[], ascii: boolean, escapes: boolean): Lines {
  const all = [...columns, ...added];
  const code = (at: string) => (ascii ? `codes[${at}]` : `text.charCodeAt(${at})`);
  const decoders: (Decoder | undefined)[] = all.map(decoderOf);
  const body = all.map((column, i) => {
    const end = i === all.length - 1 ? 10 : 9;
    const decoded = (text: string) => (decoders[i] === undefined ? text : `d${i}(${text})`);
    if (column.type === 'integer') return integer(i, end, code, decoded('text.slice(start, at)'), escapes);
    if (!escapes) {
      return `start = at;
      while (${code('at')} !== ${end}) at++;
      const v${i} = ${decoded('text.slice(start, at++)')};`;
    }
    // A tab or a line feed of the value itself is written with a letter.
    return `start = at; marked = false;
      while ((c = ${code('at')}) !== ${end}) { if (c === 92) marked = true; at++; }
      t = text.slice(start, at++);
      const v${i} = !marked ? ${decoded('t')} : t === '\\\\N' ? null : ${decoded('unescape(t)')};`;
  });
  const fields = columns.map(
    ({ name }, i) => `${name === '__proto__' ? '["__proto__"]' : JSON.stringify(name)}: v${i}`,
  );
  const others = added.map((_, i) => `v${columns.length + i}`);
  const source = `return function lines(codes, text, rows, added) {
    let at = 0, start = 0, c = 0, n = 0, marked = false, t = '';
    const end = text.length;
    while (at < end) {
      ${body.join('\n      ')}
      rows.push({ ${fields.join(', ')} });
      ${others.length === 0 ? '' : `added.push([${others.join(', ')}]);`}
      ${all.length === 0 ? 'at++;' : ''}
    }
  }`;
  const names = decoders.map((_, i) => `d${i}`);
  return new Function('unescape', ...names, source)(unescaped, ...decoders) as Lines;
}

/** Up to 15 digits without a text in between. */
function integer(i: number, end: number, code: (at: string) => string, long: string, escapes: boolean): string {
  return `start = at; n = 0; c = ${code('at')};
      ${escapes ? `const null${i} = c === 92; if (null${i}) { at += 2; c = ${end}; }` : ''}
      marked = c === 45;
      if (marked) c = ${code('++at')};
      while (c !== ${end}) { n = n * 10 + c - 48; c = ${code('++at')}; }
      const v${i} = ${escapes ? `null${i} ? null : ` : ''}at - start > 15 ? ${long} : marked ? -n : n;
      at++;`;
}

const meanings: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

function unescaped(text: string): string {
  return text.replace(/\\(.)/gs, (_, letter: string) => meanings[letter] ?? letter);
}
