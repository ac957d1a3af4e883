// Encoding CSV: values of every type, the options of the dialect one by one, and each error with its text.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Column, Row, RowStream, Value } from '../../engine/contracts/data.ts';
import { csv } from '../../pipes/formats/csv.ts';
import { tsv } from '../../pipes/formats/tsv.ts';
import type { CsvOptions } from '../../schemas/generated/types.ts';
import { chunksOf, collect, contextFor, failureOf, rowsOf } from '../conformance/streams.ts';

const context = contextFor('out/a.csv');
type Options = Omit<CsvOptions, 'name'>;

function stream(rows: readonly Row[], columns?: readonly Column[], batchRows = 2): RowStream {
  async function* batches() {
    for (let at = 0; at < rows.length; at += batchRows) yield { rows: rows.slice(at, at + batchRows) };
  }
  return { kind: 'rows', ...(columns === undefined ? {} : { columns }), batches: batches() };
}

async function bytes(rows: RowStream, options: Options = {}, continued = false): Promise<Buffer> {
  return Buffer.concat(await collect(csv.encode(rows, { name: 'csv', ...options }, { ...context, continued })));
}

async function text(rows: readonly Row[], options: Options = {}, columns?: readonly Column[]): Promise<string> {
  return (await bytes(stream(rows, columns), options)).toString();
}

async function message(rows: readonly Row[], options: Options = {}, columns?: readonly Column[]): Promise<string> {
  return (await failureOf(text(rows, options, columns))).message;
}

const textColumn = (name: string): Column => ({ name, type: 'text' });

/** Enough of the same row that the fast way writes all but the first. */
const many = (row: Row, count = 50): Row[] => Array.from({ length: count }, () => ({ ...row }));

describe('values', () => {
  const cases: [string, Value, string][] = [
    ['NULL', null, ''],
    ['empty text', '', '""'],
    ['text', 'a b', 'a b'],
    ['text with a comma', 'a,b', '"a,b"'],
    ['text with quotes', 'a "b"', '"a ""b"""'],
    ['text with a line break', 'a\nb', '"a\nb"'],
    ['text with a carriage return', 'a\rb', '"a\rb"'],
    ['text of other alphabets', 'Ä東𝄞', 'Ä東𝄞'],
    ['true', true, 'true'],
    ['an integer', -42, '-42'],
    ['a large integer', 12345678901234567890n, '12345678901234567890'],
    ['a fraction', 0.1 + 0.2, '0.30000000000000004'],
    ['a tiny number', 5e-324, '5e-324'],
    ['negative zero', -0, '-0'],
    ['not a number', Number.NaN, 'NaN'],
    ['binary', new Uint8Array([0, 255]), '\\x00ff'],
    ['a list', [1, 'a', null], '"[1,""a"",null]"'],
    ['an object', { a: 9007199254740993n }, '"{""a"":9007199254740993}"'],
  ];
  test.each(cases)('%s', async (_, value, expected) => {
    const rows = many({ before: 'x', value, after: 'y' });
    expect(await text(rows)).toBe(`before,value,after\n${`x,${expected},y\n`.repeat(50)}`);
  });

  test('mixed from row to row come out each as it should', async () => {
    const values = cases.map(([, value]) => value);
    const rows = Array.from({ length: 400 }, (_, index) => ({
      a: values[(index * 7) % values.length]!,
      b: values[(index * 5 + (index >> 3)) % values.length]!,
    }));
    const expected = rows.map(({ a, b }) =>
      [a, b].map((value) => cases.find(([, other]) => Object.is(other, value))![2]).join(','),
    );
    expect(await text(rows)).toBe(`a,b\n${expected.join('\n')}\n`);
  });

  test('of numbers are what String gives', async () => {
    const amount = fc
      .tuple(fc.integer({ min: -2_000_000_000, max: 2_000_000_000 }), fc.nat({ max: 6 }))
      .map(([whole, scale]) => whole / 10 ** scale);
    const product = fc.tuple(amount, amount).map(([a, b]) => a * b);
    const edges = [0.0001, 0.00005, 9999.9999, 10_000, 99_999_999.9999, 1e8, -1e8, 1e21, 1e-7, -0.5, 123_456.7, 100.01];
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(amount, product, fc.double(), fc.integer(), fc.maxSafeInteger()), { minLength: 500 }),
        async (random) => {
          const numbers = [...edges, ...random];
          const expected = numbers.map((number) => (Object.is(number, -0) ? '-0' : String(number)));
          expect((await text(numbers.map((a) => ({ a })))).split('\n').slice(1, -1)).toEqual(expected);
        },
      ),
      { numRuns: 40 },
    );
  });

  test('of texts of any length around those that are written otherwise', async () => {
    for (const unit of ['a', 'é', '東', '𝄞', 'a"', ',']) {
      const rows = Array.from({ length: 140 }, (_, length) => ({ a: 'x', b: unit.repeat(length + 1) }));
      const quotes = /[",]/.test(unit);
      const lines = rows.map(({ b }) => (quotes ? `x,"${b.replaceAll('"', '""')}"` : `x,${b}`));
      expect(await text(rows)).toBe(`a,b\n${lines.join('\n')}\n`);
    }
  });

  test('of a json column are JSON, text too', async () => {
    const columns: Column[] = [{ name: 'a', type: 'json' }, textColumn('b')];
    expect(
      await text(
        [
          { a: 'x', b: 'x' },
          { a: null, b: null },
          { a: 1, b: '1' },
        ],
        {},
        columns,
      ),
    ).toBe('a,b\n"""x""",x\n,\n1,1\n');
  });
});

describe('columns', () => {
  test('are those of the stream, in its order; a row may lack some', async () => {
    const columns = [textColumn('b'), textColumn('constructor'), textColumn('__proto__'), textColumn('a')];
    const odd = JSON.parse('{"a":"1","__proto__":"p","constructor":"c"}');
    expect(await text([odd, ...many({ a: 'x' }, 3)], {}, columns)).toBe(
      `b,constructor,__proto__,a\n,c,p,1\n${',,,x\n'.repeat(3)}`,
    );
  });

  test('of a stream without any are those of the first batch', async () => {
    expect(await text([{ a: 1 }, { b: 2, a: 3 }, { a: 4 }])).toBe('a,b\n1,\n3,2\n4,\n');
  });

  test('of a stream without any are those of the options', async () => {
    expect(await text([{ a: 1 }, { c: 2 }], { columns: ['c', 'b', 'a'] })).toBe('c,b,a\n,,1\n2,,\n');
  });

  test('of a stream without rows make a header', async () => {
    expect(await text([], {}, [textColumn('a'), textColumn('b')])).toBe('a,b\n');
    expect(await text([])).toBe('');
  });

  test('that appear later are refused', async () => {
    const rows = [...many({ a: 1, b: 2 }), { a: 1, b: 2, c: 3 }];
    const expected =
      'out/a.csv: record 51 has a column "c" that the first ones had not; name the columns with a select task before the write';
    expect(await message(rows)).toBe(expected);
    expect(await message([...many({ a: 1, b: 2 }), { a: 1, c: 3 }])).toBe(expected);
    expect(await message(rows, { delimiter: '||' })).toBe(expected);
    expect(await message([{ a: 1, c: 1 }], {}, [textColumn('a')])).toMatch(/record 1 has a column "c"/);
  });

  test('of more than are compiled are written as well', async () => {
    const row = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`c${index}`, index]));
    expect(await text(many(row, 3))).toBe(
      `${Object.keys(row).join(',')}\n${`${Object.values(row).join(',')}\n`.repeat(3)}`,
    );
  });
});

describe('the dialect', () => {
  const rows = many({ a: 'x;y', b: "'|#" }, 3);

  test('delimiter', async () => {
    expect(await text(rows, { delimiter: ';' })).toBe(`a;b\n${'"x;y";\'|#\n'.repeat(3)}`);
    expect(await text(rows, { delimiter: '||' })).toBe(`a||b\n${'x;y||"\'|#"\n'.repeat(3)}`);
    expect(await text(rows, { delimiter: '§' })).toBe(`a§b\n${"x;y§'|#\n".repeat(3)}`);
    const tabbed = tsv.encode(stream([{ a: '1,5', b: 'x\ty' }]), { name: 'tsv' }, context);
    expect(Buffer.concat(await collect(tabbed)).toString()).toBe('a\tb\n1,5\t"x\ty"\n');
  });

  test('quote and escape', async () => {
    expect(await text(rows, { quote: "'" })).toBe(`a,b\n${"x;y,'''|#'\n".repeat(3)}`);
    expect(await text([{ a: 'x"\\,', b: '\\' }], { escape: '\\' })).toBe('a,b\n"x\\"\\\\,",\\\n');
    expect(await text([{ a: '"x"', b: '\\' }], { quote: '' })).toBe('a,b\n"x",\\\n');
  });

  test('without a quote refuses what would need one', async () => {
    const reason =
      'is not text that fits a field without quotes; give the format a `quote`, or another `delimiter` or `null_text`';
    expect(await message([{ a: 'x' }, { a: 'x,y' }], { quote: '' })).toBe(
      `out/a.csv, record 2, column "a": "x,y" ${reason}`,
    );
    expect(await message([{ a: '' }], { quote: '' })).toBe(`out/a.csv, record 1, column "a": "" ${reason}`);
    expect(await text([{ a: '', b: null }], { quote: '', null_text: '\\N' })).toBe('a,b\n,\\N\n');
  });

  test('null_text', async () => {
    const rows = [...many({ a: null, b: 'NA' }, 3), { a: '', b: 'NAN' }];
    expect(await text(rows, { null_text: 'NA' })).toBe(`a,b\n${'NA,"NA"\n'.repeat(3)}"",NAN\n`);
    expect(await text(rows, { null_text: ['', 'NA'] })).toBe(`a,b\n${',"NA"\n'.repeat(3)}"",NAN\n`);
  });

  test('a number that looks like a delimiter or like NULL is quoted', async () => {
    const rows = many({ a: 1.5, b: -99 }, 3);
    expect(await text(rows, { delimiter: '.' })).toBe(`a.b\n${'"1.5".-99\n'.repeat(3)}`);
    expect(await text(rows, { delimiter: '-' })).toBe(`a-b\n${'1.5-"-99"\n'.repeat(3)}`);
    expect(await text(rows, { null_text: '-99' })).toBe(`a,b\n${'1.5,"-99"\n'.repeat(3)}`);
  });

  test('header, newline, quote_all', async () => {
    expect(await text([{ a: 'x', b: null }], { header: false })).toBe('x,\n');
    expect(await text(many({ a: 'x', b: 'y\r\nz' }, 3), { newline: 'crlf' })).toBe(
      `a,b\r\n${'x,"y\r\nz"\r\n'.repeat(3)}`,
    );
    expect(await text([{ a: 1, b: 'x"', c: null }], { quote_all: true })).toBe('"a","b","c"\n"1","x""",\n');
  });

  test('comment and trim: what would be left out is quoted', async () => {
    expect(await text([{ a: '#x', b: '#' }], { comment: '#' })).toBe('a,b\n"#x",#\n');
    expect(await text([{ a: ' x', b: 'y ' }], { trim: true })).toBe('a,b\n" x","y "\n');
  });

  test('one column: NULL is an empty line', async () => {
    const rows = [{ a: null }, { a: '' }, { a: 'x' }, { a: null }];
    expect(await text(rows)).toBe('a\n\n""\nx\n\n');
  });

  test('of every kind reads back what it wrote', async () => {
    const texts = [
      '',
      'a',
      ' a ',
      '#',
      '|',
      '||',
      '\\',
      '\\"',
      '"',
      "'",
      ';',
      ',',
      '\t',
      '\n',
      '\r',
      'NA',
      '\\N',
      'é',
      '\ufeff',
    ];
    const rows: Row[] = [null, ...texts].flatMap((a) => texts.map((b) => ({ a, b: b === 'é' ? null : b })));
    const dialects: Options[] = [
      {},
      { delimiter: ';', quote: "'" },
      { delimiter: '||' },
      { delimiter: '\t', escape: '\\' },
      { escape: '\\', quote_all: true },
      { null_text: 'NA' },
      { null_text: ['\\N', ''] },
      { comment: '#', trim: true },
      { newline: 'crlf', bom: true, encoding: 'utf-16le' },
      { encoding: 'utf-16' },
    ];
    for (const options of dialects) {
      for (const header of [true, false]) {
        const all: Options = { ...options, header, ...(header ? {} : { columns: ['a', 'b'] }) };
        const output = await bytes(stream(rows, undefined, 64), all);
        const back = await csv.decode(chunksOf(output, [17]), { name: 'csv', ...all }, context);
        expect(await rowsOf(back), JSON.stringify(all)).toEqual(rows);
      }
    }
  });
});

describe('the encoding', () => {
  test('and its byte order mark, not where a file is continued', async () => {
    const rows = [{ a: 'Ä' }];
    expect(await bytes(stream(rows), { bom: true })).toEqual(Buffer.from('\ufeffa\nÄ\n'));
    expect(await bytes(stream(rows), { bom: true }, true)).toEqual(Buffer.from('Ä\n'));
    expect(await bytes(stream(rows), { encoding: 'latin1' })).toEqual(Buffer.from('a\nÄ\n', 'latin1'));
    expect(await bytes(stream(rows), { encoding: 'utf-16' })).toEqual(Buffer.from('\ufeffa\nÄ\n', 'utf16le'));
    expect(await bytes(stream(rows), { encoding: 'utf-16' }, true)).toEqual(Buffer.from('Ä\n', 'utf16le'));
  });

  test('of a text that is no text is refused, not replaced', async () => {
    const rows = [...many({ a: 'x', b: 'é' }), { a: 'x', b: 'a\ud83d' }];
    const expected = 'out/a.csv, record 51, column "b": half a surrogate pair in "a\\ud83d" does not fit any encoding';
    expect((await message(rows)).slice(0, expected.length)).toBe(expected);
    expect((await message(rows, { encoding: 'utf-16le' })).slice(0, expected.length)).toBe(expected);
    expect(await message([{ a: '€' }], { encoding: 'latin1' })).toMatch(/U\+20AC.* does not fit the encoding latin1/);
  });

  test('a first name that begins like a byte order mark keeps it', async () => {
    const output = await bytes(stream([{ '\ufeffa': 'x' }]));
    expect(await rowsOf(await csv.decode(chunksOf(output), { name: 'csv' }, context))).toEqual([{ '\ufeffa': 'x' }]);
  });
});

describe('chunks', () => {
  test('are right around their ends, and for cells larger than they are', async () => {
    const sizes = [1, 70_000, 300_000, 2, 1_000_000, 3, 320_000, 10, 100_000];
    const rows = sizes.flatMap((size) => [
      ...many({ a: 'x', b: null }, 3),
      { a: '"'.repeat(size), b: 'é'.repeat(size) },
    ]);
    const lines = rows.map(({ a, b }) => `${a === 'x' ? a : `"${a}${a}"`},${b ?? ''}`);
    expect(await text(rows)).toBe(`a,b\n${lines.join('\n')}\n`);
  });

  test('are neither tiny nor huge', async () => {
    const rows = many({ a: 'x'.repeat(100), b: 'y,'.repeat(50) }, 20_000);
    const chunks = await collect(csv.encode(stream(rows, undefined, 1000), { name: 'csv' }, context));
    const lengths = chunks.map(({ length }) => length);
    expect(Math.min(...lengths.slice(0, -1))).toBeGreaterThan(60 * 1024);
    expect(Math.max(...lengths)).toBeLessThanOrEqual(1024 * 1024);
    expect(Buffer.concat(chunks).length).toBe(4 + 20_000 * (100 + 1 + 102 + 1));
  });
});
