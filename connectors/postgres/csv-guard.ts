// CSV on its way to the server as it is: the fields of columns in which the server would drop something are looked at.
import type { EncodedRows } from '../../engine/contracts/data.ts';
import { createScanner } from '../../engine/scan/scanner.ts';
import type { Pair } from './encode.ts';
import { type Fits, fitsOf, lossIn } from './fits.ts';

interface Guard {
  fits: Fits;
  /** Fields of up to so many bytes fit. */
  short: number;
  /** Up to so many digits after the point fit; for numbers. */
  scale: number | undefined;
}

/** Where the text stands between two chunks. */
interface State {
  column: number;
  line: number;
  quoted: boolean;
  escaped: boolean;
  /** The bytes that the chunks before have of the field. */
  held: Uint8Array | undefined;
}

const [lineFeed, carriageReturn, minus, point, zero, nine] = [10, 13, 45, 46, 48, 57];

/** The same chunks. Fails before one with a value that would lose something. */
export async function* guardedCsv(
  { encoding: { options = {} }, chunks }: EncodedRows,
  pairs: readonly Pair[],
  where: string,
): AsyncGenerator<Uint8Array> {
  const guards = pairs.map(({ from, to }) => (from.type === 'text' || from.untyped ? guardOf(to) : undefined));
  if (guards.every((guard) => guard === undefined)) return yield* chunks;
  const byte = (name: string, standard: string) => String(options[name] ?? standard).charCodeAt(0);
  const [delimiter, quote, escaping] = [byte('delimiter', ','), byte('quote', '"'), byte('escape', '"')];
  const isMark = new Uint8Array(256);
  for (const mark of [delimiter, quote, lineFeed, carriageReturn]) isMark[mark] = 1;
  const state: State = { column: 0, line: 1, quoted: false, escaped: false, held: undefined };

  const look = (bytes: Uint8Array, { fits }: Guard, column: number, line: number) => {
    const all = state.held === undefined ? bytes : Buffer.concat([state.held, bytes]);
    const text = Buffer.from(all.buffer, all.byteOffset, all.length).toString();
    const value = text.replaceAll(String.fromCharCode(quote), '');
    if (!fits(value)) throw lossIn(pairs[column]!.to, value, where, { line });
  };

  // Apart from the generator, whose own variables are slow.
  const scan = (bytes: Uint8Array) => {
    let { column, line, quoted, escaped } = state;
    let guard = guards[column];
    let start = 0;
    for (let i = 0; i < bytes.length; i++) {
      const value = bytes[i]!;
      if (quoted) {
        if (escaped) escaped = false;
        else if (value === escaping && escaping !== quote) escaped = true;
        else if (value === quote) quoted = false;
        else if (value === lineFeed) line++;
        continue;
      }
      if (isMark[value] === 0) continue;
      if (value === quote) {
        quoted = true;
        continue;
      }
      if (guard !== undefined) {
        if (state.held !== undefined || !isPlain(bytes, start, i, guard)) {
          look(bytes.subarray(start, i), guard, column, line);
          state.held = undefined;
        }
      }
      start = i + 1;
      if (value === delimiter) column++;
      else {
        column = 0;
        if (value === lineFeed) line++;
      }
      guard = guards[column];
    }
    Object.assign(state, { column, line, quoted, escaped });
    if (guard === undefined || start === bytes.length) return;
    const rest = bytes.subarray(start);
    state.held = state.held === undefined ? rest.slice() : Buffer.concat([state.held, rest]);
  };

  const quick = escaping === quote ? quickLook(guards, delimiter, quote) : undefined;
  for await (const bytes of chunks) {
    if (quick === undefined) scan(bytes);
    else {
      const records = quick.take(bytes);
      // What looks doubtful is looked at once more, byte by byte.
      if (records.doubtful) scan(records.bytes);
      else state.line += records.lines;
    }
    yield bytes;
  }
  if (quick !== undefined) scan(quick.rest());
  const last = guards[state.column];
  if (last !== undefined && state.held !== undefined) look(new Uint8Array(), last, state.column, state.line);
}

/** Whole records of the chunks, by the scanner: of their fields only those that are guarded are touched. */
function quickLook(guards: readonly (Guard | undefined)[], delimiter: number, quote: number) {
  const scanner = createScanner(64 * 1024);
  const width = guards.length;
  const guarded = guards.flatMap((guard, column) => (guard === undefined ? [] : [{ guard, column }]));
  let kept = 0;

  const isDoubtful = (records: number): boolean => {
    const bytes = scanner.bytes();
    const ends = scanner.ends();
    for (const { guard, column } of guarded) {
      const isLast = column === width - 1;
      for (let record = 0, field = column; record < records; record++, field += width) {
        let end = ends[field]!;
        if (isLast && bytes[end - 1] === carriageReturn) end--;
        if (!isPlain(bytes, field === 0 ? 0 : ends[field - 1]! + 1, end, guard)) return true;
      }
    }
    return false;
  };
  return {
    take(chunk: Uint8Array): { doubtful: boolean; bytes: Uint8Array; lines: number } {
      scanner.reserve(kept + chunk.length);
      scanner.bytes().set(chunk, kept);
      const to = kept + chunk.length;
      const { fields, records, lines, end, ascii, stray } = scanner.scan(0, to, delimiter, quote);
      // The ends are counted in characters, which only here are bytes.
      const doubtful = records > 0 && (!ascii || stray || fields !== records * width || isDoubtful(records));
      const bytes = doubtful ? Uint8Array.prototype.slice.call(scanner.bytes(), 0, end) : empty;
      scanner.bytes().copyWithin(0, end, to);
      kept = to - end;
      return { doubtful, bytes, lines };
    },
    rest: () => scanner.bytes().subarray(0, kept),
  };
}

const empty = new Uint8Array();

function guardOf(to: Pair['to']): Guard | undefined {
  const fits = fitsOf(to);
  if (fits === undefined) return undefined;
  const { type, scale, length = 0 } = to;
  const whole = scale === undefined || scale === 6;
  const short = { date: 10, timestamp: whole ? 10 : 0, timestamptz: whole ? 20 : 0, text: length, double: 6 }[
    type as string
  ];
  return { fits, short: short ?? 0, scale: type === 'decimal' && scale! >= 0 ? scale : undefined };
}

/** Whether it takes no closer look. */
function isPlain(bytes: Uint8Array, start: number, end: number, { short, scale }: Guard): boolean {
  if (end - start <= short) return true;
  if (scale === undefined) return false;
  const from = bytes[start] === minus ? start + 1 : start;
  let fraction = -1;
  for (let i = end - 1; i >= from; i--) {
    const value = bytes[i]!;
    if (value === point && fraction < 0) fraction = end - 1 - i;
    else if (value < zero || value > nine) return false;
  }
  return fraction <= scale;
}
