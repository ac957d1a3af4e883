// Fixed-width lines.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Column, Row, RowStream, Value } from '../../engine/contracts/data.ts';
import { fixed } from '../../pipes/formats/fixed.ts';
import type { FixedOptions } from '../../schemas/generated/types.ts';
import { describeFormat } from '../conformance/format.ts';
import { chunksOf, collect, contextFor, failureOf, rowsOf } from '../conformance/streams.ts';

const text = (name: string): Column => ({ name, type: 'text' });

describeFormat('fixed', {
  format: fixed,
  options: (columns): FixedOptions => ({
    name: 'fixed',
    columns: columns.map(({ name, type }) => ({ name, type, width: type === 'binary' ? 520 : 60 })),
  }),
  capabilities: {
    types: [
      'boolean',
      'integer',
      'double',
      'decimal',
      'text',
      'binary',
      'date',
      'time',
      'timestamp',
      'timestamptz',
      'interval',
      'uuid',
      'array',
    ],
    nulls: true,
    emptyText: false,
    anyText: false,
    manyColumns: true,
    unknownColumns: false,
    append: true,
  },
  refuses: [
    {
      what: 'text that is too long',
      columns: [text('a')],
      rows: [{ a: 'x' }, { a: 'x'.repeat(61) }],
      code: 'VALUE_LOSSY',
    },
    { what: 'a line break', columns: [text('a')], rows: [{ a: 'a\nb' }], code: 'VALUE_LOSSY' },
    { what: 'empty text', columns: [text('a')], rows: [{ a: '' }], code: 'VALUE_LOSSY' },
    { what: 'a space at the end', columns: [text('a')], rows: [{ a: 'a ' }], code: 'VALUE_LOSSY' },
    {
      what: 'a column that it does not have',
      columns: [text('a')],
      rows: [{ a: 'a', b: 'b' }],
      code: 'COLUMN_UNKNOWN',
    },
  ],
  damaged: [
    {
      what: 'a line that is too long',
      bytes: `${'x'.repeat(180)}\n${'x'.repeat(181)}\n`,
      code: 'INPUT_MALFORMED',
      message: /data:2: the line has 181 characters and its columns take 180; .*ragged: pad/,
    },
    {
      what: 'a number that is none',
      bytes: `${'12x'.padStart(60)}\n`,
      columns: [{ name: 'n', type: 'integer' }],
      code: 'VALUE_INVALID',
      message: /data:1, column "n": "12x" is not an integer/,
    },
    {
      what: 'a line that ends within a number',
      bytes: `${'12'.padStart(60)}\n   12\n`,
      columns: [{ name: 'n', type: 'integer' }],
      code: 'INPUT_MALFORMED',
      message: /data:2: the line has 5 characters/,
    },
  ],
});

type Options = Omit<FixedOptions, 'name'>;

async function read(content: string, options: Options, size = 65_536): Promise<Row[]> {
  return rowsOf(
    await fixed.decode(chunksOf(Buffer.from(content), [size]), { name: 'fixed', ...options }, contextFor('a.dat')),
  );
}

async function written(rows: Row[], options: Options): Promise<string> {
  async function* batches() {
    yield { rows };
  }
  const stream: RowStream = { kind: 'rows', batches: batches() };
  return Buffer.concat(
    await collect(fixed.encode(stream, { name: 'fixed', ...options }, contextFor('a.dat'))),
  ).toString();
}

const account: Options = {
  columns: [
    { name: 'account', width: 6 },
    { name: 'amount', width: 8, type: 'decimal', pad: '0' },
    { name: 'count', width: 4, type: 'integer' },
    { name: 'note', start: 21, width: 5, align: 'right', pad: '*' },
  ],
};

describe('layout', () => {
  test('places, alignments and paddings', async () => {
    const rows: Row[] = [
      { account: 'A1', amount: '12.50', count: 7, note: 'hey' },
      { account: 'B22222', amount: '-0.05', count: -12, note: null },
      { account: null, amount: '0', count: 0, note: 'x*' },
      { account: ' x', amount: null, count: null, note: 'ÄÖ𝄞' },
    ];
    const content = [
      'A1    00012.50   7  **hey\n',
      'B22222-0000.05 -12  *****\n',
      '      00000000   0  ***x*\n',
      ' x                  **ÄÖ𝄞\n',
    ].join('');
    expect(await written(rows, account)).toBe(content);
    for (const size of [1, 3, 50]) expect(await read(content, account, size)).toEqual(rows);
    expect(await written(rows, { ...account, newline: 'crlf' })).toBe(content.replaceAll('\n', '\r\n'));
    expect(await read(content.replaceAll('\n', '\r\n'), account)).toEqual(rows);
  });

  test('the columns are known before anything is read', async () => {
    const stream = await fixed.decode(chunksOf(Buffer.alloc(0)), { name: 'fixed', ...account }, contextFor('a.dat'));
    expect(stream.columns).toEqual([
      { name: 'account', type: 'text' },
      { name: 'amount', type: 'decimal' },
      { name: 'count', type: 'integer' },
      { name: 'note', type: 'text' },
    ]);
  });

  test('columns may overlap when they are read, not when they are written', async () => {
    const columns = [
      { name: 'day', width: 8 },
      { name: 'year', start: 1, width: 4, type: 'integer' as const },
    ];
    expect(await read('20240229\n', { columns })).toEqual([{ day: '20240229', year: 2024 }]);
    const writing = Promise.resolve().then(() => written([], { columns }));
    expect((await failureOf(writing)).message).toContain('the columns "day" and "year" in one place');
  });

  test('a column that is there twice is refused', async () => {
    const columns = [
      { name: 'a', width: 1 },
      { name: 'a', width: 1 },
    ];
    expect((await failureOf(read('xy\n', { columns }))).code).toBe('OPTION_UNSUPPORTED');
  });
});

describe('lines', () => {
  test('spaces may be missing at the end, or be too many', async () => {
    const columns = [
      { name: 'a', width: 3 },
      { name: 'b', width: 3 },
    ];
    expect(await read('abcdef   \nabcd\nabc\nab\n\nabcdef', { columns })).toEqual([
      { a: 'abc', b: 'def' },
      { a: 'abc', b: 'd' },
      { a: 'abc', b: null },
      { a: 'ab', b: null },
      { a: 'abc', b: 'def' },
    ]);
  });

  test('ragged lines are refused, read as far as they go, or left out', async () => {
    const columns = [
      { name: 'a', width: 2 },
      { name: 'n', width: 3, type: 'integer' as const },
    ];
    const content = 'ab  1\nab 1\nab  1x\ncd  2\n';
    expect((await failureOf(read(content, { columns }))).message).toContain(
      'a.dat:2: the line has 4 characters and its columns take 5',
    );
    expect(await read(content, { columns, ragged: 'skip' })).toEqual([
      { a: 'ab', n: 1 },
      { a: 'cd', n: 2 },
    ]);
    expect((await read(content, { columns, ragged: 'pad' })).map(({ n }) => n)).toEqual([1, 1, 1, 2]);
  });

  test('comments and first lines are left out', async () => {
    const columns = [{ name: 'a', width: 3 }];
    expect(await read('title\n#\nabc\n# what\ndef\n', { columns, skip_lines: 1, comment: '#' })).toEqual([
      { a: 'abc' },
      { a: 'def' },
    ]);
    const error = await failureOf(written([{ a: '#x' }], { columns, comment: '#' }));
    expect(error.message).toContain('a line that begins with #');
  });
});

describe('writing refuses what would not read back', () => {
  const cases: [string, Options['columns'][number], Value, RegExp][] = [
    [
      'too long a number',
      { name: 'a', width: 3, type: 'integer' },
      1234,
      /a\.dat, record 1, column "a": "1234" \(4 characters\) does not fit 3 characters/,
    ],
    [
      'padding at the start',
      { name: 'a', width: 5, align: 'right', pad: '*' },
      '*a',
      /whose first character is the padding/,
    ],
    ['padding at the end', { name: 'a', width: 5, pad: '-' }, 'a-', /whose last character is the padding/],
    ['only spaces beside another padding', { name: 'a', width: 5, pad: '-' }, '  ', /would read back as NULL/],
    [
      'zeros before a number',
      { name: 'a', width: 5, type: 'decimal', pad: '0' },
      '007',
      /does not fit a number padded with zeros/,
    ],
    [
      'no number in zeros',
      { name: 'a', width: 5, type: 'double', pad: '0' },
      Number.NaN,
      /does not fit a number padded with zeros/,
    ],
  ];

  test.each(cases)('%s', async (_, column, value, message) => {
    const error = await failureOf(written([{ a: value }], { columns: [column] }));
    expect(error.code).toBe('VALUE_LOSSY');
    expect(error.message).toMatch(message);
  });

  test('any text in any column comes back, or is refused', async () => {
    const cell = fc.string({ unit: fc.constantFrom(...' 0*ab-1.é𝄞'), maxLength: 6 });
    const column = fc.record({
      width: fc.integer({ min: 1, max: 6 }),
      align: fc.constantFrom('left' as const, 'right' as const),
      pad: fc.constantFrom(' ', '0', '*'),
      type: fc.constantFrom('text' as const, 'decimal' as const),
    });
    await fc.assert(
      fc.asyncProperty(column, cell, cell, async (options, a, b) => {
        const columns = [
          { ...options, name: 'a' },
          { ...options, name: 'b' },
        ];
        const plain = options.type === 'text' || [a, b].every((each) => /^-?(0|[1-9]\d*)(\.\d+)?$/.test(each));
        fc.pre(plain);
        const content = await written([{ a, b }], { columns }).catch((error) => error);
        if (typeof content === 'string') expect(await read(content, { columns })).toEqual([{ a, b }]);
        else expect(content).toMatchObject({ code: 'VALUE_LOSSY' });
      }),
      { numRuns: 1000 },
    );
  });
});
