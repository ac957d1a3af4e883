// CSV as it is, made into the lines that LOAD DATA reads: bytes to bytes, no value becomes a text of ours. LOAD DATA reads
// CSV by itself, but not as we do: the word NULL is NULL to it, nothing and "" are the same, and so is `\r` and data.
import type { Column, Encoding } from '../../engine/contracts/data.ts';
import { failure } from '../../engine/errors.ts';
import type { Pair } from './encode.ts';
import type { Piece } from './pieces.ts';
import { isSpatial } from './types.ts';

/** What must be looked at in a field, because the server would change it without a word. */
type Check = 'integer' | 'fraction' | undefined;

/** The dialects that are taken, where each column's text is what the rows would be written as. */
export function acceptedCsv(pairs: readonly Pair[]): Encoding[] {
  if (!pairs.every(isTextual)) return [];
  return [',', ';', '\t', '|'].map((delimiter) => ({ name: 'csv', options: { delimiter } }));
}

function isTextual({ from, to }: Pair): boolean {
  const { type, native = '' } = to;
  if (from.untyped || !['text', 'integer', 'decimal', 'uuid'].includes(from.type)) return false;
  if (native === 'year' || isSpatial(native) || /^(char|enum|set|bit)\b/.test(native)) return false;
  if (['text', 'integer', 'decimal', 'double', 'uuid'].includes(type)) return true;
  return from.type === 'text' && ['date', 'timestamp', 'time', 'json'].includes(type);
}

function checkOf({ type }: Column): Check {
  if (type === 'integer') return 'integer';
  return type === 'timestamp' || type === 'time' ? 'fraction' : undefined;
}

const [tab, lineFeed, carriageReturn, backslash] = [9, 10, 13, 92];
const [plus, minus, point, zero, nine] = [43, 45, 46, 48, 57];
const [letterN, letterT, lowerN, letterR] = [78, 116, 110, 114];
const quote = 34;

/** Where the text stands between two chunks. */
const [fieldStart, unquoted, quoted, quoteSeen, returnSeen, returnAfterQuote] = [0, 1, 2, 3, 4, 5];

export async function* csvPieces(
  chunks: AsyncIterable<Uint8Array>,
  { delimiter, pairs, where }: { delimiter: string; pairs: readonly Pair[]; where: string },
): AsyncGenerator<Piece> {
  const transcode = createTranscoder(delimiter.charCodeAt(0), pairs, where);
  let before = 0;
  for await (const chunk of chunks) {
    const { bytes, count } = transcode.put(chunk);
    if (count > 0) yield { bytes, count, before };
    before += count;
  }
  const { bytes, count } = transcode.end();
  if (count > 0) yield { bytes, count, before };
}

function createTranscoder(delimiter: number, pairs: readonly Pair[], where: string) {
  const width = pairs.length;
  const checks = pairs.map(({ to }) => checkOf(to));
  const required = pairs.map(({ to }) => to.nullable === false);
  const scales = pairs.map(({ to }) => to.scale ?? 0);
  /** 1: ends or is no part of an unquoted field; 2: is written in two bytes. */
  const marks = new Uint8Array(256);
  for (const byte of [delimiter, lineFeed, carriageReturn, quote]) marks[byte] = 1;
  for (const byte of [backslash, tab, 0]) if (marks[byte] === 0) marks[byte] = 2;

  let out: Buffer = Buffer.alloc(0);
  /** Where the field begins in `out`. */
  let begin = 0;
  let emptyLine = false;
  let [state, column, records, size] = [fieldStart, 0, 0, 0];

  const refused = (reason: string) => {
    const position = records + 1;
    return failure('ROW_REFUSED', { where, record: `, record ${position}`, position, reason });
  };
  const ofColumn = () => `column "${pairs[column]!.to.name}"`;
  const tooMany = () => refused(`it has more than ${width} fields, of which the header tells`);

  const checked = (end: number) => {
    const check = checks[column];
    if (check === 'integer') {
      let at = begin;
      if (out[at] === minus || out[at] === plus) at++;
      let digits = at < end;
      for (; at < end; at++) if (out[at]! < zero || out[at]! > nine) digits = false;
      if (!digits) throw refused(`${ofColumn()}: "${out.toString('utf8', begin, end)}" is not an integer`);
    } else if (check === 'fraction') {
      const dot = out.subarray(begin, end).indexOf(point);
      if (dot < 0) return;
      for (let at = begin + dot + 1 + scales[column]!; at < end; at++) {
        if (out[at] === zero) continue;
        const value = `${ofColumn()}: "${out.toString('utf8', begin, end)}"`;
        throw failure('VALUE_LOSSY', { where, value, target: 'the table', record: `, record ${records + 1}` });
      }
    }
  };

  /** Ends the field. Nothing without quotes is NULL. */
  const endField = (o: number, wasQuoted: boolean): number => {
    let at = o;
    if (column >= width) throw tooMany();
    if (!wasQuoted && at === begin) {
      if (required[column]) throw refused(`${ofColumn()} cannot be NULL`);
      out[at++] = backslash;
      out[at++] = letterN;
    } else if (checks[column] !== undefined) checked(at);
    column++;
    return at;
  };
  const endRecord = (o: number, wasQuoted: boolean): number => {
    // Empty lines at the end are no records, unless a record is one field.
    if (column === 0 && !wasQuoted && o === begin && width > 1) {
      emptyLine = true;
      return o;
    }
    if (emptyLine) throw refused(`an empty line stands before it, where the header has ${width} fields`);
    const at = endField(o, wasQuoted);
    if (column !== width) throw refused(`it has ${column} fields where the header has ${width}`);
    out[at] = lineFeed;
    column = 0;
    records++;
    return at + 1;
  };
  const doubled = (byte: number) =>
    byte === tab ? letterT : byte === 0 ? zero : byte === lineFeed ? lowerN : byte === carriageReturn ? letterR : byte;

  const scan = (chunk: Uint8Array): void => {
    let o = size;
    let i = 0;
    while (i < chunk.length) {
      const byte = chunk[i]!;
      if (state === fieldStart) {
        begin = o;
        if (byte === quote) {
          state = quoted;
          i++;
          continue;
        }
        state = unquoted;
      }
      if (state === unquoted) {
        // Most bytes pass here.
        let value = byte;
        while (marks[value] === 0) {
          out[o++] = value;
          if (++i === chunk.length) break;
          value = chunk[i]!;
        }
        if (i === chunk.length) break;
        i++;
        if (value === delimiter) {
          o = endField(o, false);
          out[o++] = tab;
          state = fieldStart;
        } else if (value === lineFeed) {
          o = endRecord(o, false);
          state = fieldStart;
        } else if (value === carriageReturn) state = returnSeen;
        else if (value === quote) throw refused(`field ${column + 1} has a quote inside but does not begin with one`);
        else {
          out[o++] = backslash;
          out[o++] = doubled(value);
        }
      } else if (state === quoted) {
        let value = byte;
        while (value !== quote) {
          if (value === backslash || value === tab || value === 0 || value === lineFeed || value === carriageReturn) {
            out[o++] = backslash;
            value = doubled(value);
          }
          out[o++] = value;
          if (++i === chunk.length) break;
          value = chunk[i]!;
        }
        if (i === chunk.length) break;
        i++;
        state = quoteSeen;
      } else if (state === returnSeen) {
        if (byte === lineFeed) {
          i++;
          o = endRecord(o, false);
          state = fieldStart;
        } else {
          out[o++] = backslash;
          out[o++] = letterR;
          state = unquoted;
        }
      } else {
        i++;
        if (state === quoteSeen && byte === quote) {
          out[o++] = quote;
          state = quoted;
        } else if (state === quoteSeen && byte === delimiter) {
          o = endField(o, true);
          out[o++] = tab;
          state = fieldStart;
        } else if (byte === lineFeed) {
          o = endRecord(o, true);
          state = fieldStart;
        } else if (state === quoteSeen && byte === carriageReturn) state = returnAfterQuote;
        else throw refused(`field ${column + 1} goes on after its closing quote`);
      }
    }
    size = o;
  };

  /** The whole lines that there are; what is left begins the next chunk's. */
  const taken = (first: number): { bytes: Buffer; count: number } => {
    const end = size === 0 ? 0 : out.lastIndexOf(lineFeed, size - 1) + 1;
    const bytes = out.subarray(0, end);
    const rest = out.subarray(end, size);
    out = rest;
    begin = Math.max(0, begin - end);
    size = rest.length;
    return { bytes, count: records - first };
  };

  return {
    put(chunk: Uint8Array) {
      // A delimiter becomes three bytes where nothing stands before it, and no byte more.
      const larger = Buffer.allocUnsafe(size + 3 * chunk.length + 8);
      out.copy(larger, 0, 0, size);
      out = larger;
      const first = records;
      scan(chunk);
      return taken(first);
    },
    /** The last line may have no end. */
    end() {
      if (state === quoted) throw refused(`field ${column + 1} opens a quote and does not close it`);
      const first = records;
      const larger = Buffer.allocUnsafe(size + 8);
      out.copy(larger, 0, 0, size);
      out = larger;
      if (state === fieldStart) begin = size;
      if (state === returnSeen) {
        out[size++] = backslash;
        out[size++] = letterR;
      }
      if (state === returnAfterQuote) throw refused(`field ${column + 1} goes on after its closing quote`);
      if (state !== fieldStart || column > 0) size = endRecord(size, state === quoteSeen);
      return taken(first);
    },
  };
}
