// Tables for people: aligned whatever the letters, cut to the terminal, with NULL, lines and control characters made visible.
import { stripVTControlCharacters } from 'node:util';
import type { Column, Row, Value } from '../engine/contracts/data.ts';
import { painter } from './print.ts';

/** Lines of aligned columns. Cells may have colours. Columns in `right` are set flush right. */
export function alignedTable(rows: readonly (readonly string[])[], right: ReadonlySet<number> = new Set()): string[] {
  const widths: number[] = [];
  for (const row of rows) for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, widthOf(cell));
  return rows.map((row) =>
    row
      .map((cell, i) => {
        const room = ' '.repeat(widths[i]! - widthOf(cell));
        return right.has(i) ? room + cell : cell + room;
      })
      .join('  ')
      .trimEnd(),
  );
}

const longestCell = 60;

/** Rows as a table with a head. */
export function rowTable(columns: readonly Column[], rows: readonly Row[], stream: NodeJS.WriteStream): string {
  const names =
    columns.length > 0 ? columns.map(({ name }) => name) : [...new Set(rows.flatMap((row) => Object.keys(row)))];
  if (names.length === 0) return '';
  const paint = painter(stream);
  const numbers = new Set(
    names.flatMap((name, i) => (rows.length > 0 && rows.every((row) => isNumeric(row[name])) ? [i] : [])),
  );
  const most = Math.max(8, Math.min(longestCell, Math.floor((stream.columns ?? 120) / Math.min(names.length, 6))));
  const head = names.map((name) => paint('bold', shortened(visible(name), most)));
  const body = rows.map((row) =>
    names.map((name) => {
      const value = row[name];
      return value === null || value === undefined ? paint('dim', 'NULL') : shortened(visible(textOf(value)), most);
    }),
  );
  const table = alignedTable([head, ...body], numbers);
  const rule = names.map((_, i) => '─'.repeat(Math.max(...[head, ...body].map((row) => widthOf(row[i]!))))).join('  ');
  return `${[table[0], paint('dim', rule), ...table.slice(1)].join('\n')}\n`;
}

function isNumeric(value: Value | undefined): boolean {
  return value === null || value === undefined || typeof value === 'number' || typeof value === 'bigint';
}

function textOf(value: Value): string {
  if (typeof value === 'string') return value;
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString('hex')}`;
  return typeof value === 'object' ? jsonText(value) : String(value);
}

/** JSON, with integers of any size as they are and bytes in base64. */
export function jsonText(value: unknown, indent?: number): string {
  return JSON.stringify(
    value,
    (_, each) =>
      typeof each === 'bigint'
        ? each.toString()
        : each instanceof Uint8Array
          ? Buffer.from(each).toString('base64')
          : each,
    indent,
  );
}

function visible(text: string): string {
  return text
    .replaceAll('\n', '⏎')
    .replaceAll('\t', '→')
    .replace(/[\x00-\x1f\x7f-\x9f]/g, '·');
}

function shortened(text: string, most: number): string {
  if (widthOf(text) <= most) return text;
  let width = 0;
  let kept = '';
  for (const letter of text) {
    width += widthOf(letter);
    if (width >= most) break;
    kept += letter;
  }
  return `${kept}…`;
}

/** How many places a text takes on a terminal: East Asian wide letters and emoji two, marks on letters none. */
function widthOf(text: string): number {
  let width = 0;
  for (const letter of stripVTControlCharacters(text)) {
    if (/^[\p{Mark}\p{Cf}]$/u.test(letter)) continue;
    width +=
      /^[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]$/u.test(
        letter,
      )
        ? 2
        : 1;
  }
  return width;
}
