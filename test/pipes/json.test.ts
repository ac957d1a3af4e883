// JSON documents as streams of rows, with JSON.parse and JSON.stringify as oracles.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Column, Row, Value } from '../../engine/contracts/data.ts';
import { parseExact } from '../../pipes/formats/json/exact.ts';
import { exactNumber } from '../../pipes/formats/json/numbers.ts';
import { json } from '../../pipes/formats/json.ts';
import type { JsonOptions } from '../../schemas/generated/types.ts';
import { describeFormat, type FormatCapabilities } from '../conformance/format.ts';
import { chunksOf, collect, contextFor, failureOf, rowsOf } from '../conformance/streams.ts';
import { hasNegativeZero } from '../conformance/values.ts';

const capabilities: FormatCapabilities = {
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
  append: false,
};

const refuses = [
  { what: 'NaN', columns: [] as Column[], rows: [{ a: 1 }, { a: Number.NaN }], code: 'VALUE_LOSSY' as const },
];

describeFormat('json', {
  format: json,
  options: (): JsonOptions => ({ name: 'json' }),
  capabilities,
  refuses,
  damaged: [
    { what: 'an empty file', bytes: ' \n', code: 'INPUT_EMPTY', message: /is empty/ },
    {
      what: 'a value that is none',
      bytes: '[\n{"a":1},\n{"a":x}\n]',
      code: 'INPUT_MALFORMED',
      message: /data:3: column 6: expected a value and found `x`/,
    },
    {
      what: 'brackets that do not match',
      bytes: '[{"a":[1}]}, {"b":2}]',
      code: 'INPUT_MALFORMED',
      message: /data:1: column 9: expected "," or "\]" and found `}`/,
    },
    {
      what: 'a bracket that is never closed',
      bytes: '[{"a":1], {"b":2}]',
      code: 'INPUT_MALFORMED',
      message: /data:1: column 8: expected "," or "}" and found `]`/,
    },
    {
      what: 'a comma too many at the end',
      bytes: '[1,\n2,\n]',
      code: 'INPUT_MALFORMED',
      message: /data:3: column 1: expected a value/,
    },
    {
      what: 'a comma too many',
      bytes: '[1,,2]',
      code: 'INPUT_MALFORMED',
      message: /data:1: column 4: expected a value/,
    },
    {
      what: 'a missing comma',
      bytes: '[{"a":1}\n{"a":2}]',
      code: 'INPUT_MALFORMED',
      message: /data:2: column 1: expected the end and found `{`/,
    },
    {
      what: 'an array that stops',
      bytes: '[{"a":1},\n{"a":2}',
      code: 'INPUT_TRUNCATED',
      message: /stops in the middle, at line 2/,
    },
    {
      what: 'a record that stops',
      bytes: '[{"a":1},\n{"a":"x',
      code: 'INPUT_TRUNCATED',
      message: /stops in the middle, at line 2/,
    },
    { what: 'an object that stops', bytes: '{"a":[1', code: 'INPUT_TRUNCATED', message: /stops in the middle/ },
    {
      what: 'something after the end',
      bytes: '[1]\n x',
      code: 'INPUT_MALFORMED',
      message: /data:2: column 2: `x` stands after the end/,
    },
    {
      what: 'records on lines',
      bytes: '{"a":1}\n{"a":2}\n',
      code: 'INPUT_MALFORMED',
      message: /data:2: column 1: .*format: ndjson/,
    },
    {
      what: 'a page of HTML',
      bytes: '<html>',
      code: 'INPUT_MALFORMED',
      message: /data:1: column 1: expected a value and found `<`/,
    },
    { what: 'a single number', bytes: '12', code: 'INPUT_MALFORMED', message: /neither an array nor an object/ },
    {
      what: 'a long number in a broken record',
      bytes: '[\n12345678901234567890,\n 1x]',
      code: 'INPUT_MALFORMED',
      message: /data:3: column 3/,
    },
  ],
});

describeFormat('json at a pointer, indented', {
  format: json,
  options: (): JsonOptions => ({ name: 'json', pointer: '/data/the~1items/0', indent: 2 }),
  capabilities,
  refuses,
  damaged: [
    {
      what: 'an object without the key',
      bytes: '{"data":{"the/itmes":{}}}',
      code: 'INPUT_MALFORMED',
      message:
        /there is nothing at `\/data\/the~1items\/0`: it leads to `\/data`, which has no key "the\/items"; did you mean "the\/itmes"\?/,
    },
    {
      what: 'an object with other keys',
      bytes: '{"meta":1,"rows":[]}',
      code: 'INPUT_MALFORMED',
      message: /the whole document, which has no key "data"; its keys are: meta, rows/,
    },
    {
      what: 'an empty object',
      bytes: '{"data":{}}',
      code: 'INPUT_MALFORMED',
      message: /`\/data`, which has no keys at all/,
    },
    {
      what: 'a scalar on the way',
      bytes: '{"data":\n null}',
      code: 'INPUT_MALFORMED',
      message: /data:2: column 2: .*`\/data`, which is neither/,
    },
    {
      what: 'an array with a key',
      bytes: '{"data":[]}',
      code: 'INPUT_MALFORMED',
      message: /`\/data`, which is an array; say the number/,
    },
    {
      what: 'too short an array',
      bytes: '{"data":{"the/items":[]}}',
      code: 'INPUT_MALFORMED',
      message: /which has 0 elements/,
    },
    {
      what: 'a scalar at the pointer',
      bytes: '{"data":{"the/items":[7]}}',
      code: 'INPUT_MALFORMED',
      message: /`\/data\/the~1items\/0` is neither an array nor an object/,
    },
    {
      what: 'a document that stops after the rows',
      bytes: '{"data":{"the/items":{"0":[]}}',
      code: 'INPUT_TRUNCATED',
      message: /stops in the middle/,
    },
    {
      what: 'nonsense before the rows',
      bytes: '{"meta":tru,"data":1}',
      code: 'INPUT_MALFORMED',
      message: /`tru` is no value of JSON/,
    },
    {
      what: 'nonsense between the members',
      bytes: '{"meta":1;"data":1}',
      code: 'INPUT_MALFORMED',
      message: /expected "," or "}" and found `;`/,
    },
    {
      what: 'a key without quotes',
      bytes: '{data:1}',
      code: 'INPUT_MALFORMED',
      message: /expected a key in double quotes and found `d`/,
    },
    {
      what: 'a key without a value',
      bytes: '{"data"}',
      code: 'INPUT_MALFORMED',
      message: /expected ":" and found `}`/,
    },
    {
      what: 'a string before the rows that stops',
      bytes: '{"meta":"abc\\',
      code: 'INPUT_TRUNCATED',
      message: /stops in the middle/,
    },
  ],
});

type Options = Omit<JsonOptions, 'name'>;

async function read(text: string, options: Options = {}, size = 65_536): Promise<Row[]> {
  return rowsOf(
    await json.decode(chunksOf(Buffer.from(text), [size]), { name: 'json', ...options }, contextFor('a.json')),
  );
}

async function written(rows: Row[], options: Options = {}): Promise<string> {
  async function* batches() {
    yield { rows };
  }
  const chunks = json.encode({ kind: 'rows', batches: batches() }, { name: 'json', ...options }, contextFor('a.json'));
  return Buffer.concat(await collect(chunks)).toString();
}

const asRow = (value: Value): Row =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Row) : { value };
// Integers above 2^53 are bigints here and rounded there; they have their own tests.
const jsonValue = fc.jsonValue().filter((value) => !/\d{16}/.test(JSON.stringify(value)));

describe('reading', () => {
  test('gives what JSON.parse gives, for any layout and any cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(jsonValue, { maxLength: 6 }),
        fc.integer({ min: 0, max: 3 }),
        fc.integer({ min: 1, max: 40 }),
        async (values, indent, size) => {
          const text = JSON.stringify(values, null, indent);
          expect(await read(text, {}, size)).toEqual(JSON.parse(text).map(asRow));
        },
      ),
    );
  });

  test('a pointer leads to rows that JSON.parse finds there', async () => {
    const document = fc.record({
      before: jsonValue,
      'a/b~c': fc.record({ rows: fc.array(jsonValue), other: jsonValue }),
      after: jsonValue,
    });
    await fc.assert(
      fc.asyncProperty(
        document,
        fc.integer({ min: 0, max: 2 }),
        fc.integer({ min: 1, max: 25 }),
        async (value, indent, size) => {
          const text = JSON.stringify(value, null, indent);
          const rows = await read(text, { pointer: '/a~1b~0c/rows' }, size);
          expect(rows).toEqual(JSON.parse(text)['a/b~c'].rows.map(asRow));
        },
      ),
    );
  });

  test('`-` stands for every element', async () => {
    const pages = { pages: [{ rows: [{ a: 1 }, { a: 2 }] }, { n: '[{', rows: [] }, { rows: [{ a: 3 }] }] };
    for (let size = 1; size < 40; size++) {
      expect(await read(JSON.stringify(pages), { pointer: '/pages/-/rows' }, size)).toEqual([
        { a: 1 },
        { a: 2 },
        { a: 3 },
      ]);
      expect(await read('[{"r":{"a":1}},{"r":{"a":2}}]', { pointer: '/-/r' }, size)).toEqual([{ a: 1 }, { a: 2 }]);
      expect(await read('[[1],[2,3]]', { pointer: '/-' }, size)).toEqual([{ value: 1 }, { value: 2 }, { value: 3 }]);
      expect(await read('[[1],[2,3],[4]]', { pointer: '/1' }, size)).toEqual([{ value: 2 }, { value: 3 }]);
    }
    expect(await read('{"pages":[]}', { pointer: '/pages/-/rows' })).toEqual([]);
    const error = await failureOf(read('{"pages":[{"rows":[]},{"row":1}]}', { pointer: '/pages/-/rows' }));
    expect(error.message).toMatch(/`\/pages\/-`, which has no key "rows"; did you mean "row"/);
  });

  test('one object is one row', async () => {
    for (let size = 1; size < 30; size++) {
      expect(await read(' {"a": [1, {"b": "]}"}], "c": 2}\n', {}, size)).toEqual([{ a: [1, { b: ']}' }], c: 2 }]);
    }
    expect(await read('{}')).toEqual([{}]);
    expect(await read('{"data":{"a":1}}', { pointer: '/data' })).toEqual([{ a: 1 }]);
    expect(await read('{"":{"":[{"a":1}]}}', { pointer: '//' })).toEqual([{ a: 1 }]);
  });

  test('the shape that is asked for is insisted on', async () => {
    expect(await read('[{"a":1}]', { shape: 'array' })).toEqual([{ a: 1 }]);
    expect(await read('{"a":1}', { shape: 'object' })).toEqual([{ a: 1 }]);
    expect((await failureOf(read('{"a":1}', { shape: 'array' }))).message).toContain(
      'is an object, and the format says `shape: array`',
    );
    expect((await failureOf(read('[]', { shape: 'object' }))).message).toContain('is an array');
  });

  test('an empty array has no rows, however it is written', async () => {
    for (const text of ['[]', ' [ \n ] \n', '[\n]'])
      for (const size of [1, 2, 9]) expect(await read(text, {}, size)).toEqual([]);
  });

  test('numbers keep all their digits, and only these records take the careful way', async () => {
    const text =
      '[{"id":9007199254740993},{"a":"x","b":[1.5]},{"id":"9007199254740993"},{"p":12345678901.123456789},9007199254740993]';
    for (let size = 1; size < 60; size++) {
      expect(await read(text, {}, size)).toEqual([
        { id: 9007199254740993n },
        { a: 'x', b: [1.5] },
        { id: '9007199254740993' },
        { p: '12345678901.123456789' },
        { value: 9007199254740993n },
      ]);
    }
  });

  test('the line and column of a mistake far into the file, in every layout', async () => {
    const rows = Array.from({ length: 20_000 }, (_, i) => ({ id: i, text: 'a "quoted" text, [with] {brackets}' }));
    for (const indent of [0, 2]) {
      const good = JSON.stringify(rows, null, indent);
      const at = good.lastIndexOf('"id"') + 6;
      const bad = `${good.slice(0, at)}?${good.slice(at)}`;
      const before = bad.slice(0, bad.indexOf('?'));
      const line = before.split('\n').length;
      const column = before.length - before.lastIndexOf('\n');
      const error = await failureOf(read(bad, {}, 5000));
      expect(error.data).toMatchObject({ line, column });
    }
  });

  test('what is passed over may be larger than the memory for a record', async () => {
    async function* large() {
      yield Buffer.from('{"skip":"');
      for (let i = 0; i < 20; i++) yield Buffer.alloc(8 * 1024 * 1024, 'text, ');
      yield Buffer.from('","list":[');
      for (let i = 0; i < 20; i++) yield Buffer.alloc(8 * 1024 * 1024, '[0],');
      yield Buffer.from('0],"rows":[{"a":1}]}');
    }
    const stream = await json.decode(large(), { name: 'json', pointer: '/rows' }, contextFor('a.json'));
    expect(await rowsOf(stream)).toEqual([{ a: 1 }]);
  });

  test('a record that never ends is refused before it fills the memory', async () => {
    let pulled = 0;
    async function* endless() {
      yield Buffer.from('[{"a":"');
      for (; pulled < 100; pulled++) yield Buffer.alloc(8 * 1024 * 1024, 'text, ');
    }
    const stream = await json.decode(endless(), { name: 'json' }, contextFor('a.json'));
    expect((await failureOf(rowsOf(stream))).message).toMatch(/a\.json:1: .*a record has over \d+ characters/);
    expect(pulled).toBeLessThan(20);
  });
});

describe('parseExact', () => {
  test('takes what JSON.parse takes and gives the same', () => {
    fc.assert(
      fc.property(jsonValue, fc.integer({ min: 0, max: 3 }), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        expect(parseExact(text)).toEqual({ value: JSON.parse(text) });
      }),
    );
  });

  test('refuses what JSON.parse refuses', () => {
    const pieces = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"a"',
      '"',
      '\\',
      '\\u00',
      '1',
      '-',
      '.',
      'e',
      '0',
      '+',
      'true',
      'nul',
      'l',
      ' ',
      '\n',
      '\t',
      '\u0001',
      'é',
    );
    let refused = 0;
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 8 }), (list) => {
        const text = list.join('');
        let expected: unknown;
        try {
          expected = { value: JSON.parse(text) };
        } catch {
          refused++;
        }
        const result = parseExact(text);
        if (expected !== undefined) expect(result).toEqual(expected);
        else expect(result).toHaveProperty('mistake');
      }),
      { numRuns: 5000 },
    );
    expect(refused).toBeGreaterThan(1000);
  });

  test('a text cut short is a mistake at the end, and only such a text', () => {
    const text = '{"a": [1.5e+10, -2, "x\\u00e9\\n", true, false, null, {"b": {}}], "c": []}';
    for (let length = 0; length < text.length; length++) {
      const result = parseExact(text.slice(0, length));
      expect(result).toHaveProperty('mistake.atEnd', true);
    }
    for (const wrong of [
      '{"a" 1',
      '[1,]',
      '[01]',
      '{"a":.5}',
      '[1 2',
      '["\\x"]',
      'tree',
      '[1.e5]',
      '["a\nb"]',
      '{"a":1,}',
    ]) {
      expect(parseExact(wrong)).toHaveProperty('mistake.atEnd', false);
    }
  });

  test('nesting without end is a mistake, not a crash', () => {
    expect(parseExact('['.repeat(100_000))).toHaveProperty('mistake.reason', 'it is nested deeper than 2000 levels');
    expect(parseExact(`${'['.repeat(2000)}${']'.repeat(2000)}`)).toHaveProperty('value');
  });
});

describe('exactNumber', () => {
  test.each([
    ['0', 0],
    ['-0', -0],
    ['123456789012345', 123456789012345],
    ['9007199254740991', 9007199254740991],
    ['-9007199254740991', -9007199254740991],
    ['9007199254740992', 9007199254740992n],
    ['100000000000000000000000', 100000000000000000000000n],
    ['1e23', 1e23],
    ['0.1', 0.1],
    ['1.50', 1.5],
    ['0.30000000000000004', 0.1 + 0.2],
    ['0.10000000000000001', 0.1],
    ['3.1415926535897931', Math.PI],
    ['0.1000000000000000000000', 0.1],
    ['123456789.123456789', '123456789.123456789'],
    ['1234567890123456.7', '1234567890123456.7'],
    ['9007199254740992.0', 9007199254740992],
    ['9007199254740993.0', '9007199254740993.0'],
    ['1.7976931348623157e308', Number.MAX_VALUE],
    ['1.8e308', '1.8e308'],
    ['5e-324', 5e-324],
    ['1e-400', '1e-400'],
    ['0e999', 0],
    ['1E+2', 100],
    ['-1.5e-7', -1.5e-7],
  ])('%s', (text, expected) => {
    expect(exactNumber(text)).toBe(expected);
  });

  test('every double keeps its value, in its shortest form and with 17 digits', () => {
    fc.assert(
      fc.property(
        fc.double({ noNaN: true, noDefaultInfinity: true }).filter((each) => each !== 0),
        (value) => {
          const texts = [JSON.stringify(value), value.toExponential(), value.toPrecision(17)].filter((text) =>
            /[.e]/.test(text),
          );
          for (const text of texts) expect(exactNumber(text)).toBe(value);
        },
      ),
      { numRuns: 2000 },
    );
  });

  test('a decimal becomes a number only when the number prints as it', () => {
    const digits = fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength: 14 });
    fc.assert(
      fc.property(digits, digits, (whole, fraction) => {
        const text = `${whole.replace(/^0+(?=\d)/, '')}.${fraction}`;
        const value = exactNumber(text);
        if (typeof value !== 'number') expect(value).toBe(text);
        else {
          const plain = (each: string) => each.replace(/0+$/, '').replace(/\.$/, '');
          const printed = [value.toFixed(fraction.length), String(value), value.toPrecision(17)].map(plain);
          expect(printed).toContain(plain(text));
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('writing', () => {
  const rows = fc
    .array(fc.dictionary(fc.string(), jsonValue), { maxLength: 4 })
    .filter((value) => !hasNegativeZero(value));

  test('a record a line', async () => {
    expect(await written([{ a: 1, b: 'x' }, { a: null }])).toBe('[\n{"a":1,"b":"x"},\n{"a":null}\n]\n');
    expect(await written([])).toBe('[]\n');
    expect(await written([{ a: 1 }], { pointer: '/data/items' })).toBe('{"data":{"items":[\n{"a":1}\n]}}\n');
    expect(await written([{ a: 1 }], { shape: 'object' })).toBe('{"a":1}\n');
  });

  test('is what JSON.stringify lays out', async () => {
    await fc.assert(
      fc.asyncProperty(rows, fc.integer({ min: 1, max: 8 }), async (value, indent) => {
        const list = value as Row[];
        expect(await written(list, { indent })).toBe(`${JSON.stringify(list, null, indent)}\n`);
        expect(await written(list, { indent, pointer: '/x~1y/z' })).toBe(
          `${JSON.stringify({ 'x/y': { z: list } }, null, indent)}\n`,
        );
        expect(JSON.parse(await written(list))).toEqual(JSON.parse(JSON.stringify(list)));
        const [first] = list;
        if (first === undefined) return;
        expect(await written([first], { indent, shape: 'object' })).toBe(`${JSON.stringify(first, null, indent)}\n`);
      }),
    );
  });

  test('large integers, laid out too', async () => {
    expect(await written([{ a: 2n ** 64n, b: [] }], { indent: 1 })).toBe(
      '[\n {\n  "a": 18446744073709551616,\n  "b": []\n }\n]\n',
    );
  });

  test('one object takes exactly one record', async () => {
    for (const list of [[], [{ a: 1 }, { a: 2 }]]) {
      const error = await failureOf(written(list, { shape: 'object' }));
      expect(error.code).toBe('OPTION_UNSUPPORTED');
      expect(error.message).toContain('shape: array');
    }
  });

  test('`-` cannot be written', async () => {
    const writing = Promise.resolve().then(() => written([], { pointer: '/a/-/b' }));
    expect((await failureOf(writing)).code).toBe('OPTION_UNSUPPORTED');
  });
});

test('sniff knows the start of a document', () => {
  const looks = (text: string) => json.sniff!(Buffer.from(text));
  expect(['[', ' {"a', '\ufeff\n[1'].map(looks)).toEqual([true, true, true]);
  expect(['', 'a,b', '"x"', '<a>', '1'].map(looks)).toEqual([false, false, false, false, false]);
});
