// JSON texts to rows: by JSON.parse where that loses nothing, by the careful parser where a number needs it.
import type { Row, Value } from '../../../engine/contracts/data.ts';
import { failure } from '../../../engine/errors.ts';
import { mistakeIn, type Run } from './elements.ts';
import { parseExact } from './exact.ts';
import { doubtfulNumbers } from './numbers.ts';

/** A value as a row: an object is one itself, anything else becomes the row's `value`. */
export function asRow(value: Value): Row {
  const isRecord = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isRecord ? (value as Row) : { value };
}

/** The rows of a run of elements. Throws a failure that names line and column of the first mistake. */
export function rowsOfRun(run: Run, path: string): Row[] {
  const { text, commas } = run;
  const doubtful = doubtfulNumbers(text);
  if (doubtful(0) === text.length) {
    try {
      const values: Value[] = JSON.parse(`[${text}]`);
      // Fewer where there is nothing at all after a comma.
      if (values.length === commas.length + 1) return eachAsRow(values);
    } catch {
      // The careful way finds the place.
    }
  }
  const rows: Row[] = [];
  let start = 0;
  for (const end of [...commas, text.length]) {
    rows.push(asRow(elementValue(run, start, end, doubtful(start) < end, path)));
    start = end + 1;
  }
  return rows;
}

function elementValue(run: Run, start: number, end: number, isDoubtful: boolean, path: string): Value {
  const element = run.text.slice(start, end);
  if (!isDoubtful) {
    try {
      return JSON.parse(element);
    } catch {
      // The careful way finds the place.
    }
  }
  const result = parseExact(element);
  if ('value' in result) return result.value;
  const { mistake } = result;
  const blank = element.trim() === '';
  const reason = blank ? 'expected a value; a comma has nothing beside it' : mistake.reason;
  throw mistakeIn(run, start + mistake.offset, reason, path);
}

function eachAsRow(values: Value[]): Row[] {
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) values[i] = { value };
  }
  return values as Row[];
}

/** The value of a text that is a whole line. Throws a failure that names the line. */
export function lineValue(text: string, line: number, terminated: boolean, path: string): Value {
  const result = parseExact(text);
  if ('value' in result) return result.value;
  const { mistake } = result;
  if (mistake.atEnd && !terminated) {
    throw failure('INPUT_TRUNCATED', { path, reason: `its last line, ${line}, stops in the middle of a record` });
  }
  throw mistakeIn({ text, line, column: 1 }, mistake.offset, mistake.reason, path);
}
