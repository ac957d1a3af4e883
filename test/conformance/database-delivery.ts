// What every database must do with batches that commit, checkpoints, and rows that it refuses.
import { describe, expect, onTestFinished, test } from 'vitest';
import type { WriteOptions } from '../../engine/contracts/connector.ts';
import type { Batch, Column, Row, RowStream, Value } from '../../engine/contracts/data.ts';
import { failure } from '../../engine/errors.ts';
import { type DatabaseSuite, readRows, streamOfRows } from './database.ts';
import { never, writeOptions } from './files.ts';
import { collect, failureOf } from './streams.ts';

interface Rejected {
  row: Row;
  reason: string;
  position: number;
}

const columns: Column[] = [
  { name: 'id', type: 'integer', length: 4, key: true, nullable: false },
  { name: 'n', type: 'integer', length: 4 },
  { name: 'name', type: 'text' },
];

const rowsFrom = (first: number, count: number): Row[] =>
  Array.from({ length: count }, (_, i) => ({ id: first + i, n: first + i, name: `row ${first + i}` }));

const byId = (rows: Row[]) => rows.toSorted((a, b) => Number(a.id) - Number(b.id));

/** Batches with the number of rows so far as their checkpoints. */
function checkpointed(rows: readonly Row[], size: number, { before = 0, fails = false } = {}): RowStream {
  return {
    kind: 'rows',
    columns,
    checkpoints: true,
    batches: (async function* (): AsyncGenerator<Batch> {
      for (let at = 0; at < rows.length; at += size) {
        const part = rows.slice(at, at + size);
        yield { rows: part, checkpoint: { rows: before + at + part.length } };
      }
      if (fails) throw failure('INPUT_MALFORMED', { path: 'x', line: 3, reason: 'broken' });
    })(),
  };
}

/** What a database refuses of a row whose `n` is to be unique, not null and under a million, by what it is. */
const bad: [kind: string, make: (row: Row) => Row, only?: string][] = [
  ['a value that must be unique', (row) => ({ ...row, n: 1 })],
  ['no value where one must be', (row) => ({ ...row, n: null })],
  ['a value that a check refuses', (row) => ({ ...row, n: 1_000_000 })],
  ['a text that has no bytes', (row) => ({ ...row, name: '\ud83c' })],
  ['a value out of the range of its type', (row) => ({ ...row, n: 3_000_000_000 }), 'types'],
  ['a value of another type', (row) => ({ ...row, n: 'many' }), 'types'],
];

const positionsOf = (rejected: Rejected[]) => rejected.map(({ position }) => position).sort((a, b) => a - b);

const modes = ['append', 'upsert', 'replace'] as const;

export function describeDelivery(name: string, suite: DatabaseSuite): void {
  // SQLite takes any value in any column.
  const hasTypes = suite.connector.name !== 'sqlite';
  const refused = bad.filter(([, , needs]) => needs === undefined || hasTypes);

  const open = async () => {
    const database = await suite.open();
    onTestFinished(async () => {
      await database.connection.close();
      await database.close();
    });
    const { connection } = database;
    return {
      ...database,
      write: (path: string, stream: RowStream, more: Partial<WriteOptions> = {}) =>
        connection.write!(path, stream, writeOptions(more)),
      read: async (path = 'items') => byId(await readRows(connection, path)),
      checkpoint: (checkpointName = 'load', path = 'items') =>
        connection.checkpoint!(path, checkpointName, { signal: never }),
    };
  };
  /** A table with the first row, which has rules. */
  const withRules = async () => {
    const database = await open();
    const rejected: Rejected[] = [];
    const onReject = async (one: Rejected) => void rejected.push(one);
    const fill = async () => {
      await database.sql(`create table items (id integer not null primary key, n integer not null unique, name varchar(100),
        constraint n_is_small check (n < 1000000))`);
      await database.sql(`insert into items values (1, 1, 'row 1')`);
    };
    await fill();
    const again = async () => {
      rejected.length = 0;
      await database.sql('drop table items');
      await fill();
    };
    return { ...database, rejected, onReject, again };
  };
  const keep = { name: 'load', last: 'keep' } as const;

  describe(`${name} delivers`, () => {
    describe('commit: batch', () => {
      test('is seen as it goes; what a broken write leaves is what its checkpoint says, and it goes on from there', async () => {
        const { write, read, checkpoint } = await open();
        const all = rowsFrom(1, 230_000);
        await write('items', checkpointed(all.slice(0, 10), 10), { commit: 'batch', checkpoint: keep });
        expect(await checkpoint()).toEqual({ rows: 10 });

        const broken = checkpointed(all.slice(10), 5000, { before: 10, fails: true });
        const work = write('items', broken, { commit: 'batch', checkpoint: keep });
        expect(await failureOf(work)).toMatchObject({ code: 'INPUT_MALFORMED' });
        const { rows: done } = (await checkpoint()) as { rows: number };
        expect(done).toBeGreaterThan(10);
        expect(done).toBeLessThan(all.length);
        expect(await read()).toHaveLength(done);

        const rest = checkpointed(all.slice(done), 5000, { before: done });
        const report = await write('items', rest, { commit: 'batch', checkpoint: { name: 'load', last: 'remove' } });
        expect(report).toMatchObject({ rows: all.length - done, paths: [expect.stringMatching(/items$/)] });
        expect(await read()).toEqual(all);
        expect(await checkpoint()).toBeUndefined();
      });

      test('the last commit waits for the other writers, and is theirs', async () => {
        const { write, read, checkpoint } = await open();
        const stream = () => checkpointed(rowsFrom(1, 10), 5);
        let asked = 0;
        const beforeCommit = async () => {
          asked++;
          throw failure('PIPE_FAILED', { message: 'another writer failed' });
        };
        const work = write('items', stream(), { commit: 'batch', checkpoint: keep, beforeCommit });
        expect(await failureOf(work)).toMatchObject({ code: 'PIPE_FAILED' });
        expect(asked).toBe(1);
        expect(await checkpoint()).toBeUndefined();
        await write('items', stream(), { commit: 'batch', checkpoint: keep });
        expect(await read()).toEqual(rowsFrom(1, 10));
      });

      test('upsert changes by key across commits; of the same key the last one counts', async () => {
        const { write, read, checkpoint } = await open();
        const first = rowsFrom(1, 110_000);
        const again = first.slice(0, 3).map((row) => ({ ...row, name: 'changed' }));
        const options = { mode: 'upsert', key: ['id'], commit: 'batch', checkpoint: keep } as const;
        await write('items', checkpointed([...first, ...again], 10_000), options);
        expect(await read()).toEqual([...again, ...first.slice(3)]);
        expect(await checkpoint()).toEqual({ rows: 110_003 });
      });

      test('without a checkpoint, and without rows', async () => {
        const { write, read } = await open();
        await write('items', streamOfRows(columns, rowsFrom(1, 3), rowsFrom(4, 3)), { commit: 'batch' });
        await write('items', streamOfRows(columns), { commit: 'batch' });
        expect(await read()).toEqual(rowsFrom(1, 6));
      });

      test.each(['replace', 'create'] as const)('%s is refused before anything is read', async (mode) => {
        const { write, read } = await open();
        await write('items', streamOfRows(columns, rowsFrom(1, 3)));
        let pulled = false;
        const stream: RowStream = {
          kind: 'rows',
          columns,
          batches: (async function* () {
            pulled = true;
            yield { rows: rowsFrom(7, 1) };
          })(),
        };
        const error = await failureOf(write('items', stream, { mode, commit: 'batch' }));
        expect(error).toMatchObject({ code: 'OPTION_UNSUPPORTED', message: expect.stringContaining(mode) });
        expect(pulled).toBe(false);
        expect(await read()).toEqual(rowsFrom(1, 3));
      });
    });

    describe.each(['run', 'batch'] as const)('a checkpoint with commit: %s', (commit) => {
      test('is kept, changed and removed with its rows', async () => {
        const { write, read, checkpoint } = await open();
        expect(await checkpoint()).toBeUndefined();
        await write('items', checkpointed(rowsFrom(1, 10), 4), { commit, checkpoint: keep });
        expect(await checkpoint()).toEqual({ rows: 10 });
        expect(await checkpoint('other')).toBeUndefined();
        const other = { name: 'other', last: 'keep' } as const;
        await write('items', checkpointed(rowsFrom(11, 2), 1, { before: 10 }), { commit, checkpoint: other });
        expect([await checkpoint(), await checkpoint('other')]).toEqual([{ rows: 10 }, { rows: 12 }]);
        const last = { name: 'load', last: 'remove' } as const;
        await write('items', checkpointed(rowsFrom(13, 2), 1, { before: 12 }), { commit, checkpoint: last });
        expect([await checkpoint(), await checkpoint('other')]).toEqual([undefined, { rows: 12 }]);
        expect(await read()).toEqual(rowsFrom(1, 14));
      });

      test('is kept from a batch without rows', async () => {
        const { write, checkpoint } = await open();
        const stream = (position: Value): RowStream => ({
          kind: 'rows',
          columns,
          checkpoints: true,
          batches: (async function* () {
            yield { rows: [], checkpoint: position };
          })(),
        });
        for (const position of [
          'a',
          { at: `it's "\\' ü 日本 🎉`, list: [1, -0.5, null, true, { deep: [] }] },
          7,
          [1, 'x'],
        ]) {
          await write('items', stream(position), { commit, checkpoint: keep });
          expect(await checkpoint()).toEqual(position);
        }
        await write('items', streamOfRows(columns), { commit, checkpoint: keep });
        expect(await checkpoint()).toEqual([1, 'x']);
      });

      test('is not kept by a write that fails, whose rows are not kept either', async () => {
        const { write, read, checkpoint } = await open();
        await write('items', checkpointed(rowsFrom(1, 2), 2), { commit, checkpoint: keep });
        const broken = checkpointed(rowsFrom(3, 20), 5, { before: 2, fails: true });
        expect(await failureOf(write('items', broken, { commit, checkpoint: keep }))).toMatchObject({
          code: 'INPUT_MALFORMED',
        });
        const twice = checkpointed([...rowsFrom(3, 2), ...rowsFrom(1, 1)], 5, { before: 2 });
        expect(await failureOf(write('items', twice, { commit, checkpoint: keep }))).toMatchObject({
          code: 'ROW_REFUSED',
        });
        expect(await checkpoint()).toEqual({ rows: 2 });
        expect(await read()).toEqual(rowsFrom(1, 2));
      });

      test('of a table with an odd name', async () => {
        const { write, read, checkpoint } = await open();
        const odd = `quotes'"\`x \\ %s`;
        const path = `${suite.schema}/items`;
        await write(path, checkpointed(rowsFrom(1, 2), 2), { commit, checkpoint: { name: odd, last: 'keep' } });
        expect(await checkpoint(odd, path)).toEqual({ rows: 2 });
        expect(await checkpoint(odd)).toEqual({ rows: 2 });
        expect(await read(path)).toEqual(rowsFrom(1, 2));
      });
    });

    describe.each(modes)('on_reject, %s', (mode) => {
      const key = ['id'];

      test('what the database refuses; the others are written', async () => {
        const { write, read, rejected, onReject, again } = await withRules();
        for (const [kind, make] of refused) {
          await again();
          const rows = rowsFrom(1, 40);
          if (mode === 'append') rows.shift();
          const places = [0, 7, 8, 20, rows.length - 1].filter((i) => rows[i]!.id !== 1);
          const given = rows.map((row, i) => (places.includes(i) ? make(row) : row));
          const stream = streamOfRows(columns, structuredClone(given.slice(0, 15)), structuredClone(given.slice(15)));
          const report = await write('items', stream, { mode, key, onReject });
          const expected = rowsFrom(1, 40).filter(({ id }) => !places.some((i) => rows[i]!.id === id));
          expect(await read(), kind).toEqual(expected);
          expect(positionsOf(rejected), kind).toEqual(places.map((i) => i + 1));
          for (const { row, reason, position } of rejected) {
            expect(row, kind).toEqual(given[position - 1]);
            expect(reason, kind).toMatch(/\w{3}/);
          }
          expect(report.rows, kind).toBe(rows.length - places.length);
        }
      });

      test('some in many, and every one', async () => {
        const { write, read, rejected, onReject } = await withRules();
        const rows = rowsFrom(2, 40_000);
        const places = [0, 1, 9999, 20_000, 20_001, 39_999];
        for (const i of places) rows[i]!.n = i % 2 === 0 ? 1 : null;
        const batches = Array.from({ length: 8 }, (_, i) => rows.slice(i * 5000, (i + 1) * 5000));
        // With replace the row that is there goes, so one must stand for it.
        if (mode === 'replace') batches.unshift([{ id: 1, n: 1, name: 'row 1' }]);
        await write('items', streamOfRows(columns, ...batches), { mode, key, onReject });
        expect(await read()).toHaveLength(40_001 - places.length);
        const first = mode === 'replace' ? 2 : 1;
        expect(positionsOf(rejected)).toEqual(places.map((i) => i + first));
        if (mode === 'replace') return;

        rejected.length = 0;
        const none = rowsFrom(100_000, 300).map((row) => ({ ...row, n: null }));
        const report = await write('items', streamOfRows(columns, none), { mode, key, onReject });
        expect([report.rows, rejected.length]).toEqual([0, 300]);
        expect(await read()).toHaveLength(40_001 - places.length);
      });

      test('without it nothing is written, and the row is named', async () => {
        const { write, read, again } = await withRules();
        for (const [kind, make] of refused) {
          await again();
          const rows = rowsFrom(1, 40);
          if (mode === 'append') rows.shift();
          rows[30] = make(rows[30]!);
          let asked = false;
          const beforeCommit = async () => {
            asked = true;
          };
          const work = write('items', streamOfRows(columns, rows), { mode, key, beforeCommit });
          const error = await failureOf(work);
          expect(error, kind).toMatchObject({
            fault: 'input',
            message: expect.stringMatching(/\/items.*record 31\b/),
          });
          expect(['ROW_REFUSED', 'VALUE_LOSSY', 'VALUE_INVALID'], kind).toContain(error.code);
          expect(asked, kind).toBe(false);
          expect(await read(), kind).toEqual(rowsFrom(1, 1));
        }
      });

      test('what takes the refused row may fail, and nothing is written', async () => {
        const { write, read } = await withRules();
        const rows = [...rowsFrom(2, 10), { id: 12, n: null, name: 'x' }];
        const onReject = async () => {
          throw failure('DISK_FULL', { path: 'rejects.csv' });
        };
        const work = write('items', streamOfRows(columns, rows), { mode, key, onReject });
        expect(await failureOf(work)).toMatchObject({ code: 'DISK_FULL' });
        expect(await read()).toEqual(rowsFrom(1, 1));
      });
    });

    test('on_reject with commit: batch: the checkpoint counts what was refused', async () => {
      for (const mode of ['append', 'upsert'] as const) {
        const { write, read, rejected, onReject, checkpoint } = await withRules();
        const rows = rowsFrom(2, 130_000);
        for (const i of [3, 100_001, 129_999]) rows[i]!.n = 1;
        const options = { mode, key: ['id'], commit: 'batch', checkpoint: keep, onReject } as const;
        await write('items', checkpointed(rows, 5000), options);
        expect(await read()).toHaveLength(130_001 - 3);
        expect(positionsOf(rejected)).toEqual([4, 100_002, 130_000]);
        expect(await checkpoint()).toEqual({ rows: 130_000 });
      }
    });

    test('two writers of one run into the same table end, with all their rows or with none', async () => {
      for (const mode of modes) {
        const { write, read } = await open();
        await write('items', streamOfRows(columns, rowsFrom(1, 1)));
        let arrived = 0;
        let settle: { resolve(): void; reject(error: unknown): void };
        const together = new Promise<void>((resolve, reject) => {
          settle = { resolve, reject };
        });
        together.catch(() => {});
        const beforeCommit = () => {
          arrived++;
          if (arrived === 2) settle.resolve();
          return together;
        };
        const works = [10, 20].map((first) =>
          write('items', streamOfRows(columns, rowsFrom(first, 3)), { mode, key: ['id'], beforeCommit }),
        );
        for (const work of works) work.catch((error) => settle.reject(error));
        const results = await Promise.allSettled(works);
        const failed = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
        if (failed.length === 0) {
          const both = [...rowsFrom(10, 3), ...rowsFrom(20, 3)];
          expect(await read()).toEqual(mode === 'replace' ? expect.anything() : [...rowsFrom(1, 1), ...both]);
        } else {
          expect(failed[0]).toMatchObject({ name: 'Failure', message: expect.stringMatching(/items/) });
          expect(failed[0]).not.toMatchObject({ code: 'BUG' });
          expect(await read()).toEqual(rowsFrom(1, 1));
        }
      }
    });

    test('the table of the checkpoints is not in the way', async () => {
      const { write, connection } = await open();
      await write('items', checkpointed(rowsFrom(1, 2), 2), { commit: 'batch', checkpoint: keep });
      const listed = await collect(connection.list!('', { signal: never, recursive: true }));
      expect(listed.map((entry) => entry.path)).toEqual([`${suite.schema}/items`]);
    });
  });
}
