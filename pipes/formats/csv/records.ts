// Records of a piece of a file, one field at a time: every dialect, every mistake told with its line.
import { failure } from '../../../engine/errors.ts';
import type { Dialect } from './dialect.ts';
import { withoutDoubles, withoutEscapes } from './quotes.ts';
import { afterQuoted, countBetween } from './text-scan.ts';

/** Text of whole records and where their fields end. */
export interface Piece {
  text: string;
  ends: ArrayLike<number>;
  /** How many of `ends` count. */
  fields: number;
  records: number;
  /** The number of the line that the text begins with, from 1. */
  line: number;
}

/** A place in a piece: always where a record begins. */
export interface Position {
  record: number;
  field: number;
  at: number;
  line: number;
}

export interface CsvRecord {
  /** Null for NULL. */
  fields: (string | null)[];
  line: number;
  /** Nothing at all stands on the line. */
  blank: boolean;
}

/** The record at `position`, which is moved behind it; undefined at the end. Lines of comment are passed over. */
export function nextRecord(piece: Piece, position: Position, dialect: Dialect, path: string): CsvRecord | undefined {
  const { text, ends, fields: count } = piece;
  const { comment } = dialect;
  while (comment !== undefined && position.field < count && text.startsWith(comment, position.at)) {
    position.at = ends[position.field++]! + 1;
    position.line++;
    position.record++;
  }
  if (position.field >= count) return undefined;

  const line = position.line;
  const start = position.at;
  const fields: (string | null)[] = [];
  for (;;) {
    const end = ends[position.field++]!;
    const last = text.charCodeAt(end) === 0x0a;
    const before = last && end > position.at && text.charCodeAt(end - 1) === 0x0d ? end - 1 : end;
    const value = fieldValue(text, position.at, before, dialect);
    if (value !== null && typeof value !== 'string') {
      throw quoteMistake(
        path,
        line + countBetween(text, start, position.at),
        `field ${fields.length + 1} ${value.mistake}`,
        dialect,
      );
    }
    fields.push(value);
    if (!last) {
      position.at = end + dialect.delimiter.length;
      continue;
    }
    position.line += countBetween(text, start, end + 1);
    position.at = end + 1;
    position.record++;
    return { fields, line, blank: before === start };
  }
}

/** What is wrong with a quote, and how quotes are written. */
export function quoteMistake(path: string, line: number, what: string, { quote, escaping }: Dialect) {
  const reason = `${what}; inside a quoted field a quote is written ${escaping}${quote}, and where quotes mean nothing say \`quote: ""\``;
  return failure('INPUT_MALFORMED', { path, line, reason });
}

function fieldValue(text: string, from: number, to: number, dialect: Dialect): string | null | { mistake: string } {
  const { quote, escaping, nulls, trim } = dialect;
  let start = from;
  let end = to;
  if (trim) {
    while (start < end && text[start] === ' ') start++;
    while (end > start && text[end - 1] === ' ') end--;
  }
  if (quote !== '' && start < end && text[start] === quote) {
    const after = afterQuoted(text, start, quote, escaping);
    if (after === end) {
      const inner = text.slice(start + 1, end - 1);
      return escaping === quote ? withoutDoubles(inner, quote) : withoutEscapes(inner, quote, escaping);
    }
    return {
      mistake: after === -1 || after > end ? 'opens a quote and does not close it' : 'goes on after its closing quote',
    };
  }
  const value = text.slice(start, end);
  if (nulls.includes(value)) return null;
  return quote !== '' && value.includes(quote) ? { mistake: 'has a quote inside but does not begin with one' } : value;
}
