// Code made for a list of columns: from rows to the text of a CSV file, with quotes only where they are known to be needed.
import type { Row, Value } from '../../../engine/contracts.ts';
import { numberText } from '../values/numbers.ts';
import { valueText } from '../values.ts';
import type { WrittenColumn } from './cells.ts';
import type { Dialect } from './dialect.ts';

export interface Composer {
  /**
   * The text of some rows. It is right if, apart from the delimiters and line ends between the values and `quotes()`
   * quotes, there is no delimiter, line break or quote in it: whoever calls counts them. Undefined where a row may have
   * a column that is not known.
   */
  compose(rows: readonly Row[], from: number, to: number): string | undefined;
  /** Quotes in the last text. */
  quotes(): number;
  /** From now on the values of these columns are looked at, and put in quotes if they need it. */
  lookAt(columns: readonly boolean[]): void;
}

/** Of a dialect that the byte scanner reads, with a quote. */
export function composer(
  columns: readonly WrittenColumn[],
  { delimiter, quote, nulls }: Dialect,
  newline: string,
): Composer {
  const looked = columns.map(() => false);
  const special = new RegExp(`[${escaped(delimiter + quote)}\\r\\n]`);
  let quotes = 0;

  const quoted = (text: string): string => {
    if (!text.includes(quote)) {
      quotes += 2;
      return quote + text + quote;
    }
    const doubled = text.replaceAll(quote, quote + quote);
    quotes += 2 * (doubled.length - text.length) + 2;
    return quote + doubled + quote;
  };
  const other = (value: Exclude<Value, null>, index: number): string => {
    const text = valueText(value, columns[index]!.type);
    return text === '' || nulls.includes(text) || (looked[index] && special.test(text)) ? quoted(text) : text;
  };

  const nullText = JSON.stringify(nulls[0]);
  const isNullText = ['', ...nulls.filter((text) => text !== '')]
    .map((text) => `v === ${JSON.stringify(text)}`)
    .join(' || ');
  const cells = columns.map(({ name, type }, index) => {
    const key = JSON.stringify(name);
    // A row that lacks such a column would give what all objects have.
    const value = name in Object.prototype ? `(Object.hasOwn(row, ${key}) ? row[${key}] : undefined)` : `row[${key}]`;
    const separator = JSON.stringify(index === columns.length - 1 ? newline : delimiter);
    const text =
      type === 'json' || type === 'array'
        ? ''
        : `
        if (typeof v === 'string') out += ${isNullText} || (looked[${index}] && special.test(v)) ? quoted(v) : v;
        else if (typeof v === 'number') out += numberText(v);
        else `;
    return `v = ${value};${text}
        if (v === null) out += ${nullText};
        else if (v === undefined) { out += ${nullText}; absent++; }
        else out += other(v, ${index});
        out += ${separator};`;
  });
  const source = `
    return function compose(rows, from, to) {
      let out = '';
      for (let i = from; i < to; i++) {
        const row = rows[i];
        let keys = 0;
        for (const key in row) keys++;
        let absent = 0;
        let v;
        ${cells.join('\n        ')}
        if (keys + absent !== ${columns.length}) return undefined;
      }
      return out;
    }`;
  const parts = { looked, special, quoted, numberText, other };
  const compose = new Function(...Object.keys(parts), source)(...Object.values(parts)) as Composer['compose'];
  return {
    compose(rows, from, to) {
      quotes = 0;
      return compose(rows, from, to);
    },
    quotes: () => quotes,
    lookAt(columns) {
      for (let index = 0; index < looked.length; index++) looked[index] ||= columns[index]!;
    },
  };
}

function escaped(characters: string): string {
  return characters.replace(/[\\\]^-]/g, '\\$&');
}
