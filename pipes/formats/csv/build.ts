// Code made for a header: from the ends of fields to rows, without a loop over the columns.
import type { Row, Value } from '../../../engine/contracts/data.ts';
import type { Parse } from '../values.ts';
import { withoutDoubles } from './quotes.ts';

export interface ColumnReader {
  name: string;
  /** Undefined for text. */
  parse: Parse | undefined;
}

/**
 * Adds a row for each `width` ends from `first` on, whose text begins at `at`. False when a record has not as many
 * fields or a quote is out of place: the rows added are then of no use. Throws what a parser throws.
 */
type BuildRows = (text: string, ends: Uint32Array, first: number, last: number, at: number, rows: Row[]) => boolean;

/** What is in a text: no quote at all, quotes around fields, or quotes inside them too. */
type Quotes = 'none' | 'single' | 'doubled';

export interface RowBuilder {
  /** For text whose quotes are all in their places. */
  build(quotes: Quotes): BuildRows;
  /** One row of fields that are unquoted already, of the same shape. */
  row(fields: readonly (string | null)[]): Row;
}

/** More columns than this are built by a loop: a function of that length would never be optimized. */
const mostUnrolled = 400;

export function rowBuilder(columns: readonly ColumnReader[], nulls: readonly string[], quote: string): RowBuilder {
  const { make, convert } = rowMaker(columns);
  const row = (fields: readonly (string | null)[]) => make(fields.map(convert));
  const made = new Map<Quotes, BuildRows>();
  const build = (quotes: Quotes): BuildRows => {
    const known = made.get(quotes);
    if (known !== undefined) return known;
    const builder =
      columns.length > mostUnrolled
        ? loopedBuilder(columns.length, nulls, quote, row)
        : compileBuilder(columns, nulls, quote, quotes);
    made.set(quotes, builder);
    return builder;
  };
  return { build, row };
}

function rowMaker(columns: readonly ColumnReader[]) {
  const convert = (field: string | null, index: number): Value => converted(field, columns[index]!.parse);
  const make =
    columns.length > mostUnrolled
      ? (values: readonly Value[]): Row => Object.fromEntries(columns.map(({ name }, index) => [name, values[index]!]))
      : (new Function('values', `return ${literal(columns, (index) => `values[${index}]`)}`) as (
          values: readonly Value[],
        ) => Row);
  return { make, convert };
}

/** An empty text is nothing but NULL where the column's type has no empty value. */
function converted(field: string | null, parse: Parse | undefined): Value {
  if (parse === undefined || field === null) return field;
  return field === '' ? null : parse(field);
}

/** An object literal; only the column names get into it, as JSON strings. */
function literal(columns: readonly ColumnReader[], value: (index: number) => string): string {
  const members = columns.map(({ name }, index) => {
    // In brackets it is a property like any other; without them it would set the prototype.
    const key = name === '__proto__' ? '["__proto__"]' : JSON.stringify(name);
    return `${key}: ${value(index)}`;
  });
  return `{ ${members.join(', ')} }`;
}

function compileBuilder(
  columns: readonly ColumnReader[],
  nulls: readonly string[],
  quote: string,
  quotes: Quotes,
): BuildRows {
  const width = columns.length;
  const onlyEmptyIsNull = nulls.length === 1 && nulls[0] === '';
  const text = onlyEmptyIsNull ? 'at === end ? null : text.substring(at, end)' : 'orNull(text.substring(at, end))';
  const hasQuotes = quotes !== 'none' && quote !== '';
  const code = quote.charCodeAt(0);
  const inner =
    quotes === 'doubled' ? 'single(text.substring(at + 1, end - 1), quote)' : 'text.substring(at + 1, end - 1)';
  const read = (index: number): string => {
    const value = `v${index}`;
    const convert = `if (${value} !== null) ${value} = ${value} === '' ? null : parse${index}(${value});`;
    const take = hasQuotes
      ? `if (text.charCodeAt(at) === ${code}) {
          if (end - at < 2 || text.charCodeAt(end - 1) !== ${code}) return false;
          ${value} = ${inner};
        } else ${value} = ${text};`
      : `${value} = ${text};`;
    return `let ${value}; ${take} ${columns[index]!.parse === undefined ? '' : convert}`;
  };
  const body = columns.map((_, index) => {
    if (index < width - 1) return `end = ends[field + ${index}]; ${read(index)} at = end + 1;`;
    return `
        end = ends[field + ${index}];
        if (text.charCodeAt(end) !== 10) return false;
        const next = end + 1;
        if (end > at && text.charCodeAt(end - 1) === 13) end--;
        ${read(index)}
        at = next;`;
  });
  const source = `
    return function build(text, ends, first, last, at, rows) {
      for (let field = first; field < last; field += ${width}) {
        let end;
        ${body.join('\n        ')}
        rows.push(${literal(columns, (index) => `v${index}`)});
      }
      return true;
    }`;
  const names = ['orNull', 'single', 'quote', ...columns.map((_, index) => `parse${index}`)];
  const orNull = (text: string) => (nulls.includes(text) ? null : text);
  const values = [orNull, withoutDoubles, quote, ...columns.map(({ parse }) => parse)];
  return new Function(...names, source)(...values) as BuildRows;
}

function loopedBuilder(width: number, nulls: readonly string[], quote: string, row: RowBuilder['row']): BuildRows {
  return (text, ends, first, last, start, rows) => {
    let at = start;
    for (let field = first; field < last; field += width) {
      const fields: (string | null)[] = [];
      for (let index = 0; index < width; index++) {
        let end = ends[field + index]!;
        const next = end + 1;
        if (index === width - 1) {
          if (text.charCodeAt(end) !== 0x0a) return false;
          if (end > at && text.charCodeAt(end - 1) === 0x0d) end--;
        }
        if (quote !== '' && text[at] === quote) {
          if (end - at < 2 || text[end - 1] !== quote) return false;
          fields.push(withoutDoubles(text.substring(at + 1, end - 1), quote));
        } else {
          const value = text.substring(at, end);
          fields.push(nulls.includes(value) ? null : value);
        }
        at = next;
      }
      rows.push(row(fields));
    }
    return true;
  };
}
