// code with a script: what crosses the border of the sandbox, what it cannot do, and its limits.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Batch, Row, RowStream } from '../../../engine/contracts/data.ts';
import { createEngine } from '../../../index.ts';
import { decodeRows, encodeRows } from '../../../pipes/code/border.ts';
import { collect, failureOf, rowsOf, run } from './context.ts';

const rows = (count: number): Row[] => Array.from({ length: count }, (_, i) => ({ id: i + 1, name: `n${i + 1}` }));
const ran = async (task: object, input: Row[] = rows(3)) => {
  const { output } = await run('code', task, rowsOf(input, undefined, 2));
  return collect(output);
};
const failed = (script: string, more: object = {}, input?: Row[]) => failureOf(ran({ script, ...more }, input));

describe('a script', () => {
  it('gives a record, several, or none', async () => {
    expect(await ran({ script: 'return { ...record, total: record.id * params.rate };', params: { rate: 2 } })).toEqual(
      [
        { id: 1, name: 'n1', total: 2 },
        { id: 2, name: 'n2', total: 4 },
        { id: 3, name: 'n3', total: 6 },
      ],
    );
    expect(await ran({ script: 'return record.id === 2 ? null : [record, { other: record.id }];' })).toEqual([
      { id: 1, name: 'n1' },
      { other: 1 },
      { id: 3, name: 'n3' },
      { other: 3 },
    ]);
    expect(await ran({ script: 'return [{ n: records.length }]', per: 'batch' })).toEqual([{ n: 2 }, { n: 1 }]);
  });

  it('gets and gives every value as it is', async () => {
    const value = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        fc.constantFrom(null, true, false, NaN, Infinity, -Infinity, -0, 0, '', '\ud800', '\u2028', '0.10'),
        fc.string({ unit: 'binary' }),
        fc.double(),
        fc.bigInt(),
        fc.uint8Array(),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(
          fc.string().filter((key) => key !== '__proto__'),
          tie('value'),
          { maxKeys: 3 },
        ),
      ),
    })).value;
    const record = fc.dictionary(
      fc.string().filter((key) => key !== '__proto__'),
      value,
      { maxKeys: 5 },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(record, { minLength: 1, maxLength: 6 }), async (given) => {
        const input = given.map((row) => ({ ...row })) as Row[];
        expect(decodeRows(encodeRows(input))).toEqual(input);
        expect(await ran({ script: 'return record' }, structuredClone(input))).toEqual(input);
      }),
      { numRuns: 40 },
    );
  });

  it('keeps the columns that are told, and checkpoints', async () => {
    const source: RowStream = {
      kind: 'rows',
      checkpoints: true,
      batches: (async function* (): AsyncGenerator<Batch> {
        yield { rows: [{ id: 1 }], checkpoint: 1 };
        yield { rows: [], checkpoint: 2 };
      })(),
    };
    const { output } = await run('code', { script: 'return null', columns: { id: 'integer' } }, source);
    expect(output).toMatchObject({ checkpoints: true, columns: [{ name: 'id', type: 'integer' }] });
    const batches = [];
    for await (const batch of (output as RowStream).batches) batches.push(batch);
    expect(batches).toEqual([
      { rows: [], checkpoint: 1 },
      { rows: [], checkpoint: 2 },
    ]);
  });

  it('has no way out', async () => {
    const names = [
      'process',
      'require',
      'fetch',
      'setTimeout',
      'WebAssembly',
      'Deno',
      'std',
      'os',
      'console',
      'performance',
    ];
    const script = `return { found: params.names.filter((name) => typeof globalThis[name] !== 'undefined') }`;
    expect((await ran({ script, params: { names } }, rows(1)))[0]).toEqual({ found: [] });
    expect(await failed('return import("node:fs")')).toMatch(/^CODE_RESULT .*returned a promise|CODE_FAILED/);
    const tried = 'return { x: record.constructor.constructor("return typeof process")() }';
    expect((await ran({ script: tried }, rows(1)))[0]).toEqual({ x: 'undefined' });
    // What it does to built-in objects, it does to itself.
    const spoil =
      'JSON.stringify = () => "{}"; Object.keys = () => [1]; Object.prototype.polluted = true; return record';
    expect(await failed(spoil)).toMatch(/^no failure|^CODE_/);
    expect(({} as { polluted?: true }).polluted).toBeUndefined();
  });
});

describe('what goes wrong is told with the record and the line', () => {
  it.each([
    [
      '\nif (record.id === 3) throw new TypeError("no such street");\nreturn record;',
      /^CODE_FAILED task 1 \(code\): the script failed on record 3: TypeError: no such street \(line 2:\d+\)$/,
    ],
    ['record.x.y', /failed on record 1: TypeError: .* \(line 1:\d+\)$/],
    ['throw "x"', /it threw "x" and no Error$/],
    ['', /returned nothing for record 1; it must give a record/],
    ['return 5', /returned the number 5 for record 1; it must give a record/],
    ['return { at: new Date(0) }', /returned a Date in "at" for record 1; a time is text/],
    ['return { a: undefined }', /returned undefined in "a" for record 1; where there is no value, say null$/],
    ['return { a: [new Map()] }', /returned a Map in "a" for record 1/],
    ['const a = {}; a.a = a; return { a }', /holds itself, in "a" for record 1/],
    ['return [[1]]', /returned a list for record 1; a record is a plain object/],
    ['return async () => 1', /returned a function for record 1/],
    ['const f = () => f(); return f()', /its calls are nested too deep/],
  ])('%s', async (script, message) => {
    expect(await failed(script)).toMatch(message);
  });

  it('a script that cannot be read is told by check, at its place', async () => {
    const text =
      'tasks:\n  - op: read\n    path: https://example.com/a.csv\n  - op: code\n    script: |\n      const a = 1;\n      return { a: a + };\n  - op: write\n    path: "-"\n    format: csv\n';
    const { diagnostics } = await createEngine({}).check({ text });
    expect(diagnostics).toMatchObject([{ code: 'SCRIPT_SYNTAX', line: 7, col: 23 }]);
    expect(diagnostics[0]!.message).toContain('line 2 of the script: Unexpected token');
    expect(await failed('return {')).toMatch(/^CODE_FAILED .*SyntaxError/);
    expect(await failed('return record', { per: 'stream' })).toMatch(/^OPTION_UNSUPPORTED `per: stream`/);
    expect(await failed('return record', { module: './a.js#b' })).toMatch(/^OPTION_UNSUPPORTED `module`/);
  });
});

describe('limits', () => {
  const late =
    /^CODE_LIMIT task 1 \(code\): the script took more than 200ms for one batch( on record 1)?; look for a loop/;
  it.each([
    ['for (;;);'],
    ['try { for (;;); } catch {} return record'],
    ['/(a+)+$/.test("a".repeat(40) + "b")'],
    ['[1, 2].sort(() => { for (;;); })'],
  ])('%s ends', async (script) => {
    expect(await failed(script, { time_limit: '200ms' })).toMatch(late);
  });

  it.each([
    ['const all = []; for (;;) all.push(new Uint8Array(1000000));'],
    ['let text = "x"; const all = []; for (;;) all.push(text = (text + text).slice(0, 5000000) + all.length);'],
    ['const all = []; for (let i = 0; i < 2000; i++) all.push(new ArrayBuffer(2 ** 20)); return record'],
  ])('%s ends', async (script) => {
    expect(await failed(script, { memory: '16MiB' })).toMatch(
      /^CODE_LIMIT task 1 \(code\): the script took more than 16MiB of memory/,
    );
  });

  it('2 GB are never taken', async () => {
    const before = process.memoryUsage().rss;
    expect(await failed('return { a: new Uint8Array(2 ** 31 - 1).length }')).toMatch(/^CODE_LIMIT|^CODE_FAILED/);
    expect(await failed('return { a: "x".repeat(2 ** 30 - 1) }')).toMatch(/^CODE_LIMIT|^CODE_FAILED/);
    expect(process.memoryUsage().rss - before).toBeLessThan(500 * 2 ** 20);
  });

  it('one script at its end leaves the others alone', async () => {
    expect(await failed('for (;;);', { time_limit: '50ms' })).toMatch(/^CODE_LIMIT/);
    expect(await ran({ script: 'return record' })).toHaveLength(3);
  });
});
