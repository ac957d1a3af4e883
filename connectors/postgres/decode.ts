// COPY's text format to rows, by a function written for the columns at hand.
// https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-FILE-FORMATS
import type { Batch, Column, Row } from '../../engine/contracts.ts';
import { type Decoder, decoderOf } from './values.ts';

const batchBytes = 768 * 1024;
// Fields are cut from shorter texts several times as fast as from those of a MiB (measured).
const textBytes = 128 * 1024;
const batchRows = 8192;

/** Rows of whole lines of text. */
type Lines = (text: string, rows: Row[]) => void;

/** Batches of up to 768 KiB of the server's text, or of one longer line. Every line ends in a line feed. */
export async function* decodeCopy(
  chunks: AsyncIterable<Uint8Array>,
  columns: readonly Column[],
): AsyncGenerator<Batch> {
  const lines = compileLines(columns);
  let held: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    held.push(chunk);
    bytes += chunk.length;
    // Only what has just come may end a line: a long one is put together once.
    if (bytes < batchBytes || chunk.lastIndexOf(10) < 0) continue;
    const all = Buffer.concat(held);
    const end = all.lastIndexOf(10) + 1;
    yield* batchesOf(all.subarray(0, end), lines);
    held = end < all.length ? [all.subarray(end)] : [];
    bytes = all.length - end;
  }
  if (bytes > 0) yield* batchesOf(Buffer.concat(held), lines);
}

/** `bytes` holds whole lines. */
function* batchesOf(bytes: Buffer, lines: Lines): Generator<Batch> {
  let rows: Row[] = [];
  for (let at = 0; at < bytes.length; ) {
    let end = bytes.length;
    if (end - at > textBytes) {
      end = bytes.lastIndexOf(10, at + textBytes) + 1;
      if (end <= at) end = bytes.indexOf(10, at) + 1;
    }
    lines(bytes.toString('utf8', at, end), rows);
    at = end;
    if (rows.length < batchRows) continue;
    for (let i = 0; i < rows.length; i += batchRows) yield { rows: rows.slice(i, i + batchRows) };
    rows = [];
  }
  if (rows.length > 0) yield { rows };
}

/**
 * Writes the loop over the lines as one function: a field is cut out by its tab, and decoded where its type asks for it.
 * Of the columns only their number, their order and their quoted names get into the text.
 */
function compileLines(columns: readonly Column[]): Lines {
  if (columns.length === 0) {
    return (text, rows) => {
      for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) rows.push({});
    };
  }
  const decoders: (Decoder | undefined)[] = columns.map(decoderOf);
  const body = columns.map((_, i) => {
    const plain = `escaped && t.indexOf('\\\\') >= 0 ? unescape(t) : t`;
    const value = decoders[i] === undefined ? plain : `d${i}(${plain})`;
    return `
      end = text.indexOf('${i === columns.length - 1 ? '\\n' : '\\t'}', at);
      t = text.slice(at, end);
      at = end + 1;
      const v${i} = t === '\\\\N' ? null : ${value};`;
  });
  const fields = columns.map(
    ({ name }, i) => `${name === '__proto__' ? '["__proto__"]' : JSON.stringify(name)}: v${i}`,
  );
  const source = `return function lines(text, rows) {
    const escaped = text.indexOf('\\\\') >= 0;
    let at = 0, end = 0, t = '';
    while (at < text.length) {${body.join('')}
      rows.push({ ${fields.join(', ')} });
    }
  }`;
  const names = decoders.map((_, i) => `d${i}`);
  return new Function('unescape', ...names, source)(unescaped, ...decoders) as Lines;
}

const meanings: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

function unescaped(text: string): string {
  return text.replace(/\\(.)/gs, (_, letter: string) => meanings[letter] ?? letter);
}
