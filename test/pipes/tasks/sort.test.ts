// sort: against a plain sort, in memory and through temporary files; and what it refuses.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Big from 'big.js';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Row, Value } from '../../../engine/contracts/data.ts';
import { collect, columnsOf, failureOf, rowsOf, run } from './context.ts';

const tiny = 600;

async function sorted(rows: readonly Row[], by: unknown[], types?: Record<string, never>, memory: unknown = '64MiB') {
  const columns = types && columnsOf(types);
  const { output } = await run('sort', { by, memory }, rowsOf(rows, columns, 7));
  return collect(output);
}

const failed = (rows: readonly Row[], by: unknown[], types?: object) =>
  failureOf(sorted(rows, by, types as Record<string, never>));

describe('sort', () => {
  const types = { name: 'text', total: 'decimal', count: 'integer', ok: 'boolean', day: 'date' } as never;
  const row = fc.record({
    name: fc.option(fc.constantFrom('a', 'B', 'é', '𝄞', '\uffff', ''), { nil: null }),
    total: fc.option(
      fc.constantFrom('1', '1.0', '10', '9', '-0.5', '12345678901234567890.1', '12345678901234567890.2'),
      { nil: null },
    ),
    count: fc.option(fc.constantFrom<Value>(1, 2, -3, 9007199254740993n, 9007199254740992n), { nil: null }),
    ok: fc.option(fc.boolean(), { nil: null }),
    day: fc.option(fc.constantFrom('2026-01-31', '1999-12-31', '-000043-03-15'), { nil: null }),
  });
  const days = ['-000043-03-15', '1999-12-31', '2026-01-31'];
  const oracle: Record<string, (one: never, other: never) => number> = {
    name: (one: string, other: string) => Buffer.compare(Buffer.from(one), Buffer.from(other)),
    total: (one: string, other: string) => new Big(one).cmp(other),
    count: (one: bigint, other: bigint) => Number(BigInt(one) - BigInt(other)),
    ok: (one: boolean, other: boolean) => Number(one) - Number(other),
    day: (one: string, other: string) => days.indexOf(one) - days.indexOf(other),
  };
  const by = fc.uniqueArray(
    fc.record({
      column: fc.constantFrom('name', 'total', 'count', 'ok', 'day'),
      order: fc.constantFrom('asc', 'desc'),
      nulls: fc.constantFrom('first', 'last'),
    }),
    { minLength: 1, maxLength: 3, selector: ({ column }) => column },
  );

  it('gives what a plain stable sort gives, however little memory there is', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(row, { maxLength: 80 }), by, async (made, columns) => {
        const rows = made.map((each, at) => ({ ...each, at })) as Row[];
        const expected = [...rows].sort((one, other) => {
          for (const { column, order, nulls } of columns) {
            const [a, b] = [one[column]!, other[column]!];
            if (a === null && b === null) continue;
            if (a === null || b === null) return (a === null) === (nulls === 'first') ? -1 : 1;
            const compared = oracle[column]!(a as never, b as never);
            if (compared !== 0) return order === 'asc' ? compared : -compared;
          }
          return 0;
        });
        const all = { ...(types as object), at: 'integer' } as never;
        expect(await sorted(rows, columns, all)).toEqual(expected);
        expect(await sorted(rows, columns, all, tiny)).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });

  it('goes by what the values are where the columns are not known', async () => {
    const rows = [{ v: 10 }, { v: null }, { v: 9.5 }, { v: 9007199254740993n }, { v: -1 }];
    expect((await sorted(rows, ['v'])).map(({ v }) => v)).toEqual([-1, 9.5, 10, 9007199254740993n, null]);
    expect((await sorted([{ v: 'b' }, { v: 'a' }], ['v'])).map(({ v }) => v)).toEqual(['a', 'b']);
  });

  it('says its columns, and holds the checkpoints back', async () => {
    const columns = columnsOf({ a: 'integer' });
    const input = { ...rowsOf([{ a: 2 }, { a: 1 }], columns), checkpoints: true };
    const { output } = await run('sort', { by: ['a'] }, input);
    expect(output).toMatchObject({ kind: 'rows', columns });
    expect(output).not.toHaveProperty('checkpoints');
  });

  it('refuses what cannot be compared, and names column, record and types', async () => {
    expect(await failed([{ v: 1 }, { v: 2 }, { v: 'x' }], ['v'])).toBe(
      'TYPES_MIXED task 1 (sort): the column "v" is text on record 3 (x), but a number on record 1; values of two types have no order, so cast the column first',
    );
    expect(await failed([{ v: 'a' }, { v: true }], ['v'], { v: 'text' })).toMatch(
      /^TYPES_MIXED .* "v" is boolean on record 2 \(true\), but its type is text;/,
    );
    expect(await failed([{ v: '2026-01-31' }, { v: 'soon' }], ['v'], { v: 'date' })).toBe(
      'VALUE_INVALID task 1 (sort) column "v": "soon" is not a date on record 2',
    );
    expect(await failed([{ v: [1] }], ['v'])).toMatch(
      /^OPTION_UNSUPPORTED the column "v" of type array is not supported/,
    );
    expect(await failed([], ['v'], { v: 'interval' })).toMatch(/^OPTION_UNSUPPORTED .* type interval/);
  });

  it('refuses a column that is not there, and suggests one', async () => {
    expect(await failed([], ['totl'], { total: 'integer' })).toBe(
      'COLUMN_UNKNOWN task 1 (sort): there is no column "totl"; did you mean "total"?',
    );
    expect(await failed([{ total: 1 }, { other: 1 }], ['total'])).toMatch(
      /^COLUMN_UNKNOWN task 1 \(sort\): there is no column "total" on record 2/,
    );
  });

  it('warns of numbers that are text', async () => {
    const warned = await run('sort', { by: ['v'] }, rowsOf([{ v: '9' }, { v: '10' }], columnsOf({ v: 'text' })));
    expect((await collect(warned.output)).map(({ v }) => v)).toEqual(['10', '9']);
    expect(warned.logs).toEqual([
      'warn: task 1 (sort): the column "v" is text, so that 10 comes before 9; cast it first to sort it by number',
    ]);
    const quiet = await run('sort', { by: ['v'] }, rowsOf([{ v: '9' }, { v: 'a10' }], columnsOf({ v: 'text' })));
    await collect(quiet.output);
    expect(quiet.logs).toEqual([]);
  });
});

describe('its temporary files', () => {
  const folder = mkdtempSync(join(tmpdir(), 'pipewright-sort-'));
  const own = process.env.TMPDIR;
  beforeAll(() => {
    process.env.TMPDIR = folder;
  });
  afterAll(() => {
    if (own === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = own;
    rmSync(folder, { recursive: true });
  });
  /** Those with a name, and those that this process has open. */
  const named = () => readdirSync(folder).filter((name) => !name.startsWith('pipewright-task-'));
  const open = () => readdirSync('/proc/self/fd').filter((number) => isOwn(`/proc/self/fd/${number}`)).length;
  const isOwn = (path: string) => {
    try {
      return readlinkSync(path).startsWith(folder);
    } catch {
      // The one that the folder was read through is closed by now.
      return false;
    }
  };
  const many = (count: number) =>
    rowsOf(
      Array.from({ length: count }, (_, i) => ({ v: (i * 7919) % count })),
      undefined,
      100,
    );

  it('are gone at the end, when nobody reads on, when it fails and when it is stopped', async () => {
    const before = { named: named(), open: open() };
    const left = () => ({ named: named(), open: open() });

    await collect((await run('sort', { by: ['v'], memory: 10_000 }, many(5000))).output);
    expect(left()).toEqual(before);

    const { output } = await run('sort', { by: ['v'], memory: 10_000 }, many(5000));
    for await (const { rows } of (output as ReturnType<typeof many>).batches) {
      expect(rows[0]).toEqual({ v: 0 });
      expect(open()).toBe(before.open + 1);
      expect(named()).toEqual(before.named);
      break;
    }
    expect(left()).toEqual(before);

    const bad = rowsOf([...Array.from({ length: 2000 }, () => ({ v: 1 })), { v: 'x' }], undefined, 100);
    expect(await failureOf(collect((await run('sort', { by: ['v'], memory: 10_000 }, bad)).output))).toMatch(
      /on record 2001/,
    );
    expect(left()).toEqual(before);

    const stop = new AbortController();
    const stopped = await run('sort', { by: ['v'], memory: 10_000 }, many(5000), { signal: stop.signal });
    const iterator = (stopped.output as ReturnType<typeof many>).batches[Symbol.asyncIterator]();
    await iterator.next();
    stop.abort();
    await expect(
      (async () => {
        for (;;) if ((await iterator.next()).done) return;
      })(),
    ).rejects.toThrow();
    expect(left()).toEqual(before);
  });

  it('on a full disk fail with what to do', () => {
    const program = `
      import { createSorter } from './pipes/order/sorter.ts';
      import { byPosition } from './pipes/order/order.ts';
      const sorter = createSorter({ order: byPosition, memoryBytes: 1000, signal: new AbortController().signal });
      try {
        for (let i = 0; i < 1000; i++) await sorter.add([{ v: 'x'.repeat(10_000) }], [i]);
      } catch (error) { console.log(error.code, error.message); }
      await sorter.close();`;
    // 64 blocks of 512 bytes, or of a KiB, is all that a file may have; the system says so with EFBIG instead of a signal.
    const shell = `trap '' XFSZ; ulimit -f 64; exec node --import tsx --input-type=module -e "$PROGRAM"`;
    const { stdout, stderr } = spawnSync('sh', ['-c', shell], {
      encoding: 'utf8',
      env: { ...process.env, PROGRAM: program },
    });
    expect(stdout + stderr).toMatch(
      /^(DISK_FULL|IO_FAILED) .*pipewright-.*, a temporary file \(TMPDIR names another folder for them\): .+\n$/,
    );
  });
});
