// The CSV decoder and encoder against csv-parse, on generated tables, on arbitrary text, and at every split of the bytes.
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Column, Row, Value } from '../../engine/contracts/data.ts';
import { Failure } from '../../engine/errors.ts';
import { csv } from '../../pipes/formats/csv.ts';
import { chunksOf, collect, contextFor, rowsOf } from '../conformance/streams.ts';

const context = contextFor('in/a.csv');
type Table = (string | null)[][];

async function ours(text: string | Uint8Array, sizes?: readonly number[]): Promise<Table> {
  const stream = await csv.decode(chunksOf(Buffer.from(text as string), sizes), { name: 'csv' }, context);
  const names = stream.columns!.map(({ name }) => name);
  const rows = await rowsOf(stream);
  return [names, ...rows.map((row) => names.map((name) => row[name] as string | null))];
}

/** What csv-parse makes of it, with an empty field without quotes as null; undefined where it refuses. */
function theirs(text: string): Table | undefined {
  try {
    return parse(text, {
      record_delimiter: ['\r\n', '\n'],
      cast: (value, { quoting, header }) => (value === '' && !quoting && !header ? null : value),
    });
  } catch {
    return undefined;
  }
}

async function oursOrNothing(text: string, sizes?: readonly number[]): Promise<Table | undefined> {
  try {
    return await ours(text, sizes);
  } catch (error) {
    if (error instanceof Failure && error.code !== 'BUG') return undefined;
    throw error;
  }
}

async function written(names: readonly string[], rows: readonly Row[]): Promise<Buffer> {
  const columns: Column[] = names.map((name) => ({ name, type: 'text' }));
  async function* batches() {
    for (let at = 0; at < rows.length; at += 3) yield { rows: rows.slice(at, at + 3) };
  }
  const stream = { kind: 'rows' as const, columns, batches: batches() };
  return Buffer.concat(await collect(csv.encode(stream, { name: 'csv' }, context)));
}

const unit = fc.oneof(
  fc.constantFrom(
    'a',
    'b',
    '0',
    ' ',
    ',',
    ';',
    '"',
    '""',
    '\n',
    '\r\n',
    '\r',
    '\0',
    'é',
    '€',
    '東',
    '𝄞',
    '\ufeff',
    '\ufffd',
  ),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
);
const text = fc.string({ unit, maxLength: 12 });
const cell = fc.oneof(fc.constant(null), fc.constant(''), text, fc.string({ unit: 'grapheme-ascii', maxLength: 90 }));
const table = fc.integer({ min: 1, max: 6 }).chain((width) =>
  fc.record({
    names: fc.uniqueArray(fc.oneof(fc.constantFrom('id', '__proto__', 'constructor', '1', 'a"b', 'a,b'), text), {
      minLength: width,
      maxLength: width,
    }),
    cells: fc.array(fc.array(cell, { minLength: width, maxLength: width }), { maxLength: 12 }),
  }),
);
// A carriage return in a header is refused: it would be a file whose lines end in CR alone.
const proper = table.filter(({ names }) => names.every((name) => name !== '' && !name.includes('\r')));
const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 });

function asRows(names: readonly string[], cells: Table): Row[] {
  return cells.map((row) => {
    const made: Row = {};
    names.forEach((name, index) => {
      Object.defineProperty(made, name, {
        value: row[index] as Value,
        enumerable: true,
        writable: true,
        configurable: true,
      });
    });
    return made;
  });
}

describe('csv', () => {
  test('what is written reads back the same, NULL and empty text too, however the bytes are split', async () => {
    await fc.assert(
      fc.asyncProperty(proper, sizes, async ({ names, cells }, split) => {
        const bytes = await written(names, asRows(names, cells));
        expect(await ours(bytes, split)).toEqual([names, ...cells]);
      }),
      { numRuns: 200 },
    );
  });

  test('csv-parse reads what is written', async () => {
    await fc.assert(
      fc.asyncProperty(proper, async ({ names, cells }) => {
        const bytes = await written(names, asRows(names, cells));
        expect(theirs(bytes.toString())).toEqual([names, ...cells]);
      }),
      { numRuns: 200 },
    );
  });

  test('of a table with any quoting and line ends the decoder makes what csv-parse makes', async () => {
    const style = fc.record({ quote: fc.boolean(), newline: fc.constantFrom('\n', '\r\n') });
    await fc.assert(
      fc.asyncProperty(
        proper,
        fc.array(style, { minLength: 1 }),
        fc.boolean(),
        sizes,
        async ({ names, cells }, styles, ended, split) => {
          let count = 0;
          const lines = [names, ...cells].map((row) => {
            const { newline } = styles[count % styles.length]!;
            const fields = row.map((field) => {
              if (field === null) return '';
              const { quote } = styles[count++ % styles.length]!;
              return quote || field === '' || /[",\r\n]|^\ufeff/.test(field)
                ? `"${field.replaceAll('"', '""')}"`
                : field;
            });
            return fields.join(',') + newline;
          });
          // csv-parse takes an empty line for a ragged one, also where it is the last of several columns or of one.
          const whole = lines.join('');
          const text =
            ended || whole.endsWith('\n\n') || whole.endsWith('\n\r\n') ? whole : whole.replace(/\r?\n$/, '');
          expect(await ours(text, split)).toEqual(theirs(text));
        },
      ),
      { numRuns: 200 },
    );
  });

  test('arbitrary text is refused where csv-parse refuses it and read alike elsewhere', async () => {
    const piece = fc.constantFrom('a', 'bc', ',', ',', '"', '"', '""', '\n', '\n', '\r\n', 'é', '𝄞');
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: piece, maxLength: 30 }), sizes, async (body, split) => {
        const text = `x,y\n${body}`;
        // Empty lines are ours alone: passed over at the end, and csv-parse has no such rule.
        fc.pre(!/(^|\n)\r?\n/.test(body) && !/^\r?\n/.test(body));
        expect(await oursOrNothing(text, split)).toEqual(theirs(text));
      }),
      { numRuns: 1500 },
    );
  });

  test('a file split at every byte, and in pieces of every length, gives the same rows', async () => {
    const text = 'k,"na""me",e\r\n1,"a,b\r\n""c""",é\n2,,"𝄞"\n"3","",\n4,"\n",東"';
    const bytes = Buffer.from(text.slice(0, -1));
    const expected = [
      ['k', 'na"me', 'e'],
      ['1', 'a,b\r\n"c"', 'é'],
      ['2', null, '𝄞'],
      ['3', '', null],
      ['4', '\n', '東'],
    ];
    for (let at = 1; at < bytes.length; at++) {
      expect(await ours(bytes, [at, bytes.length])).toEqual(expected);
      expect(await ours(bytes, [at])).toEqual(expected);
    }
  });

  test('long rows and fields around the sizes that are read at once come out whole', async () => {
    const lengths = [1, 63, 64, 65, 4095, 4096, 65_535, 65_536, 131_072, 300_000];
    const cells: Table = lengths.flatMap((length) => [
      ['x'.repeat(length), '"'.repeat(length % 1000)],
      [`${'é'.repeat(length)}\n`, null],
    ]);
    const bytes = await written(['a', 'b'], asRows(['a', 'b'], cells));
    for (const size of [1000, 65_536, 1_000_000]) expect(await ours(bytes, [size])).toEqual([['a', 'b'], ...cells]);
  });
});
