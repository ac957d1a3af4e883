// NDJSON, with JSON.parse and JSON.stringify as oracles.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Column, Row, RowStream, Value } from '../../engine/contracts/data.ts';
import { ndjson } from '../../pipes/formats/ndjson.ts';
import { describeFormat } from '../conformance/format.ts';
import { chunksOf, collect, contextFor, failureOf, rowsOf } from '../conformance/streams.ts';
import { hasNegativeZero } from '../conformance/values.ts';

describeFormat('ndjson', {
  format: ndjson,
  options: () => ({ name: 'ndjson' }),
  capabilities: {
    types: [
      'boolean',
      'integer',
      'double',
      'text',
      'date',
      'time',
      'timestamp',
      'timestamptz',
      'interval',
      'uuid',
      'json',
      'array',
    ],
    nulls: true,
    emptyText: true,
    anyText: true,
    manyColumns: true,
    unknownColumns: true,
    append: true,
  },
  refuses: [
    { what: 'NaN', columns: [], rows: [{ a: 1 }, { a: Number.NaN }], code: 'VALUE_LOSSY' },
    { what: 'an infinity deep inside', columns: [], rows: [{ a: { b: [1, -Infinity] } }], code: 'VALUE_LOSSY' },
  ],
  damaged: [
    {
      what: 'a line that is no JSON',
      bytes: '{"a":1}\n\n{"a":x}\n{"a":3}\n',
      code: 'INPUT_MALFORMED',
      message: /data:3: column 6: expected a value and found `x`/,
    },
    {
      what: 'a record over two lines',
      bytes: '{"a":1\n,"b":2}\n',
      code: 'INPUT_MALFORMED',
      message: /data:1: column 7: expected "," or "}" and found the end/,
    },
    {
      what: 'two records on a line',
      bytes: '{"a":1}{"a":2}\n',
      code: 'INPUT_MALFORMED',
      message: /data:1: column 8: expected the end and found `{`/,
    },
    {
      what: 'lines that are records only together',
      bytes: '{"a":[{}\n{}]}\n{},{}\n',
      code: 'INPUT_MALFORMED',
      message: /data:1: column 9/,
    },
    {
      what: 'a last line that is cut off',
      bytes: '{"a":1}\n{"a":"x',
      code: 'INPUT_TRUNCATED',
      message: /its last line, 2, stops/,
    },
    {
      what: 'a long number in a broken line',
      bytes: '{"a":1}\n{"a":12345678901234567890,}\n',
      code: 'INPUT_MALFORMED',
      message: /data:2: column 27/,
    },
    {
      what: 'a control character in a string',
      bytes: '{"a":"x\ty"}\n',
      code: 'INPUT_MALFORMED',
      message: /data:1: column 8: .*U\+0009/,
    },
  ],
});

/** The row for a parsed line, and what stands for integers that JSON.parse cannot keep. */
function rowOf(value: Value): Value {
  const exact = (each: Value): Value => {
    if (typeof each === 'number')
      return Number.isInteger(each) && /^-?\d{16,}$/.test(String(each)) ? exactInteger(each) : each;
    if (Array.isArray(each)) return each.map(exact);
    if (typeof each !== 'object' || each === null) return each;
    return Object.fromEntries(Object.entries(each).map(([key, member]) => [key, exact(member as Value)]));
  };
  const exactInteger = (each: number) => (Number.isSafeInteger(each) ? each : BigInt(String(each)));
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? exact(value) : { value: exact(value) };
}

async function read(text: string | Uint8Array, size = 65_536): Promise<Row[]> {
  return rowsOf(await ndjson.decode(chunksOf(Buffer.from(text), [size]), { name: 'ndjson' }, contextFor('a.ndjson')));
}

async function written(rows: Row[], columns?: Column[]): Promise<string> {
  async function* batches() {
    yield { rows };
  }
  const stream: RowStream = { kind: 'rows', ...(columns ? { columns } : {}), batches: batches() };
  return Buffer.concat(await collect(ndjson.encode(stream, { name: 'ndjson' }, contextFor('a.ndjson')))).toString();
}

describe('reading', () => {
  test('gives what JSON.parse gives for each line', async () => {
    const spaced = fc.json().map((text) => ` ${text}\t`);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(fc.json(), spaced), { maxLength: 8 }),
        fc.integer({ min: 1, max: 30 }),
        async (lines, size) => {
          const expected = lines.map((line) => rowOf(JSON.parse(line)));
          expect(await read(lines.join('\r\n'), size)).toEqual(expected);
        },
      ),
    );
  });

  test('blank lines are nothing', async () => {
    expect(await read('\n{"a":1}\n\n  \t\r\n{"a":2}\n\n \n')).toEqual([{ a: 1 }, { a: 2 }]);
    expect(await read('')).toEqual([]);
    expect(await read('\n \n')).toEqual([]);
  });

  test('numbers keep all their digits', async () => {
    const rows = await read(
      [
        '{"id": 9007199254740993, "small": 9007199254740991}',
        '{"id": -12345678901234567890123}',
        '{"price": 12345678901.123456789, "plain": 0.1}',
        '{"text": "9007199254740993", "t": "x: 9007199254740993, y"}',
        '{"huge": 1e400, "tiny": 1e-400, "large": 1e300}',
        '{"list": [1, 18446744073709551615, {"deep": 0.12345678901234567890}]}',
      ].join('\n'),
    );
    expect(rows).toEqual([
      { id: 9007199254740993n, small: 9007199254740991 },
      { id: -12345678901234567890123n },
      { price: '12345678901.123456789', plain: 0.1 },
      { text: '9007199254740993', t: 'x: 9007199254740993, y' },
      { huge: '1e400', tiny: '1e-400', large: 1e300 },
      { list: [1, 18446744073709551615n, { deep: '0.12345678901234567890' }] },
    ]);
  });

  test('a key __proto__ is a key', async () => {
    for (const line of ['{"__proto__": {"a": 1}, "b": 2}', '{"__proto__": {"a": 9007199254740993}, "b": 2}']) {
      const [row] = await read(line);
      expect(Object.keys(row!)).toEqual(['__proto__', 'b']);
      expect(Object.getPrototypeOf(row)).toBe(Object.prototype);
      expect(await written([row!])).toBe(`${line.replaceAll(' ', '')}\n`);
    }
  });

  test('of equal keys the last wins', async () => {
    expect(await read('{"a":1,"a":2}\n{"a":1,"b":12345678901234567890,"a":2}')).toEqual([
      { a: 2 },
      { a: 2, b: 12345678901234567890n },
    ]);
  });

  test('a mistake in a later part of the file has the right line', async () => {
    const good = '{"a":"some text that makes the line longer"}\n'.repeat(5000);
    const error = await failureOf(read(`${good}{"a":\n`, 1000));
    expect(error.message).toContain('a.ndjson:5001: column 6');
  });

  test('a line without an end is refused before it fills the memory', async () => {
    let pulled = 0;
    async function* endless() {
      const chunk = Buffer.alloc(8 * 1024 * 1024, '[1,2],');
      for (; pulled < 100; pulled++) yield chunk;
    }
    const stream = await ndjson.decode(endless(), { name: 'ndjson' }, contextFor('a.ndjson'));
    const error = await failureOf(rowsOf(stream));
    expect(error.message).toMatch(/a\.ndjson:1: the line has over \d+ characters.*format: json/);
    expect(pulled).toBeLessThan(20);
  });
});

describe('writing', () => {
  test('gives what JSON.stringify gives for values that JSON has', async () => {
    const value = fc.jsonValue().filter((each) => !hasNegativeZero(each) && !/\d{16}/.test(JSON.stringify(each)));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.dictionary(fc.string(), value), { maxLength: 5 }), async (rows) => {
        expect(await written(rows as Row[])).toBe(rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
      }),
    );
  });

  test('bigints, large doubles, -0 and bytes', async () => {
    expect(await written([{ a: 2n ** 63n, b: -(2n ** 63n), c: 1n, d: [1n] }])).toBe(
      '{"a":9223372036854775808,"b":-9223372036854775808,"c":1,"d":[1]}\n',
    );
    expect(await written([{ a: 2 ** 53, b: -(2 ** 60), c: 1e21, d: -0, e: 0 }])).toBe(
      '{"a":9007199254740992.0,"b":-1152921504606847000.0,"c":1e+21,"d":-0,"e":0}\n',
    );
    expect(await written([{ a: new Uint8Array([1, 2, 255]), b: { c: Buffer.from('hi') } }])).toBe(
      '{"a":"AQL/","b":{"c":"aGk="}}\n',
    );
  });

  test('text of a decimal column is a number, where it is one', async () => {
    const columns: Column[] = [
      { name: 'a', type: 'decimal' },
      { name: 'b', type: 'text' },
    ];
    const rows = ['1.50', '-12345678901234567890.1', 'NaN', '1.', '.5', '+1', '007', '0', '1e5', null].map((a) => ({
      a,
      b: '1.50',
    }));
    const texts = (await written(rows, columns)).trim().split('\n');
    expect(texts.map((text) => /"a":(.*),"b":"1\.50"/.exec(text)![1])).toEqual([
      '1.50',
      '-12345678901234567890.1',
      '"NaN"',
      '"1."',
      '".5"',
      '"+1"',
      '"007"',
      '0',
      '1e5',
      'null',
    ]);
  });

  test('the place of what is refused', async () => {
    const error = await failureOf(written([{ a: 1 }, { a: 1, b: { c: Number.NaN } }]));
    expect(error.message).toContain('a.ndjson, record 2, column "b": NaN');
    expect((await failureOf(written([{ a: undefined } as unknown as Row]))).code).toBe('BUG');
  });
});

test('sniff knows records on lines', () => {
  const looks = (text: string | Uint8Array) => ndjson.sniff!(Buffer.from(text));
  expect(looks('{"a":1}\n{"a":2}\n')).toBe(true);
  expect(looks('\ufeff{"a":1}\r\n{"a":')).toBe(true);
  expect(looks(Buffer.from('\ufeff{"a":1}\n{"a":2}\n', 'utf16le'))).toBe(true);
  expect(looks('{\n"a":1}\n')).toBe(false);
  expect(looks('{"a":1}')).toBe(false);
  expect(looks('[{"a":1},\n{"a":2}]')).toBe(false);
  expect(looks('a,b\n1,2\n')).toBe(false);
  expect(looks('')).toBe(false);
});
