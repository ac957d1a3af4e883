// What every state store must do, wherever it keeps things.
import { hostname } from 'node:os';
import { describe, expect, it } from 'vitest';
import type { Value } from '../../engine/contracts/data.ts';
import type { RunReport } from '../../engine/contracts/run.ts';
import type { NewRun, StateStore } from '../../engine/contracts/state.ts';

export interface StateUnderTest {
  /** Another view of the same state, as another process would have it. */
  open(): Promise<StateStore>;
  remove(): Promise<void>;
}

export interface StateStoreSuite {
  create(): Promise<StateUnderTest>;
}

/** Process 1 is always there, and we cannot know since when. */
const alive = { host: hostname(), pid: process.pid };
/** No machine has so many processes. */
const gone = { host: hostname(), pid: 2 ** 30 };
const elsewhere = { host: 'another.machine', pid: 1 };

export function newRun(id: string, more: Partial<NewRun> = {}): NewRun {
  return {
    id,
    pipe: 'p',
    started: new Date().toISOString(),
    trigger: 'library',
    definition: { tasks: [{ op: 'read', path: 'a.csv' }] },
    params: {},
    holder: alive,
    ...more,
  };
}

export function reportOf(run: string, more: Partial<RunReport> = {}): RunReport {
  const figures = { bytes: 0, files: 0, retries: 0, seconds: 1 };
  return {
    run,
    pipe: 'p',
    status: 'done',
    started: '2026-01-31T06:00:00.000Z',
    ended: '2026-01-31T06:00:01.000Z',
    seconds: 1,
    tasks: [
      { index: 0, op: 'read', id: 'read_1', status: 'done', rows: 10, rejected: 0, ...figures },
      { index: 1, op: 'write', id: 'write_2', status: 'done', rows: 9, rejected: 1, ...figures },
    ],
    ...more,
  };
}

const ids = (runs: readonly { id: string }[]) => runs.map(({ id }) => id);

/** `name` heads the tests. */
export function testStateStore(name: string, { create }: StateStoreSuite): void {
  const using = async (work: (one: StateStore, other: StateStore) => Promise<void>) => {
    const place = await create();
    const stores = [await place.open(), await place.open()] as const;
    try {
      await work(...stores);
    } finally {
      for (const store of stores) await store.close();
      await place.remove();
    }
  };

  describe(`state: ${name}`, () => {
    it('keeps the positions of each pipe apart', () =>
      using(async (one, other) => {
        expect(await one.positions('a')).toEqual({});
        const value: Value = { updated_at: '2026-01-31T06:00:00.123456Z', id: '9007199254740993' };
        const pending = { after: value, until: { id: 4 }, run: 'run-1', started: '2026-01-31T06:00:00.000Z' };
        await one.setPositions('a', { orders: { definition: 'd', value, pending }, lines: { definition: 'e' } });
        await one.setPositions('b', { orders: { definition: 'f', value: 7 } });
        expect(await other.positions('a')).toEqual({
          orders: { definition: 'd', value, pending },
          lines: { definition: 'e' },
        });
        await other.setPositions('a', { orders: undefined, lines: { definition: 'e', value: [1] } });
        expect(await one.positions('a')).toEqual({ lines: { definition: 'e', value: [1] } });
        expect(await one.positions('b')).toEqual({ orders: { definition: 'f', value: 7 } });
      }));

    it('changes all positions or none', () =>
      using(async (one, other) => {
        await one.setPositions('a', { x: { definition: 'd', value: 1 }, y: { definition: 'd', value: 1 } });
        const bad = { definition: 'd', value: 2n as unknown as Value };
        await expect(one.setPositions('a', { x: { definition: 'd', value: 2 }, y: bad })).rejects.toThrow();
        expect(await other.positions('a')).toMatchObject({ x: { value: 1 }, y: { value: 1 } });
        await other.setPositions('a', { x: { definition: 'd', value: 3 } });
        expect((await one.positions('a')).x).toMatchObject({ value: 3 });
      }));

    it('keeps values by space and key, until they are over', () =>
      using(async (one, other) => {
        await one.set('p', 'k', { a: [1, null, 'ü🔑'] });
        await one.set('q', 'k', false);
        expect(await other.get('p', 'k')).toEqual({ a: [1, null, 'ü🔑'] });
        expect(await other.get('q', 'k')).toBe(false);
        expect(await other.get('p', 'other')).toBeUndefined();
        await one.set('p', 'over', 1, { ttlMs: 0 });
        expect(await other.values('p')).toEqual({ k: { a: [1, null, 'ü🔑'] } });
        expect(await other.values('nobody')).toEqual({});
        await one.set('p', 'k', 2, { ttlMs: 60_000 });
        expect(await other.get('p', 'k')).toBe(2);
        await one.set('p', 'k', 3, { ttlMs: 0 });
        expect(await other.get('p', 'k')).toBeUndefined();
        await other.remove('q', 'k');
        expect(await one.get('q', 'k')).toBeUndefined();
      }));

    it('gives a lock to one at a time', () =>
      using(async (one, other) => {
        const lease = { holder: alive, leaseMs: 60_000 };
        expect(await one.lock('l', 'me', lease)).toBeUndefined();
        expect(await one.lock('l', 'me', lease)).toBeUndefined();
        expect(await other.lock('l', 'you', lease)).toMatchObject({ owner: 'me', holder: alive });
        expect(await other.lock('another', 'you', lease)).toBeUndefined();
        await other.unlock('l', 'you');
        expect(await other.lock('l', 'you', lease)).toMatchObject({ owner: 'me' });
        await one.unlock('l', 'me');
        expect(await other.lock('l', 'you', lease)).toBeUndefined();
      }));

    it('takes a lock from whoever is gone, or has let its lease end', () =>
      using(async (one, other) => {
        const lease = { holder: alive, leaseMs: 60_000 };
        expect(await one.lock('dead', 'me', { holder: gone, leaseMs: 60_000 })).toBeUndefined();
        expect(await other.lock('dead', 'you', lease)).toBeUndefined();
        expect(await one.lock('late', 'me', { holder: alive, leaseMs: 0 })).toBeUndefined();
        expect(await other.lock('late', 'you', lease)).toBeUndefined();
        // Of a process on another machine only the lease is known.
        expect(await one.lock('far', 'me', { holder: elsewhere, leaseMs: 60_000 })).toBeUndefined();
        expect(await other.lock('far', 'you', lease)).toMatchObject({ owner: 'me', holder: elsewhere });
      }));

    it('changes a document in one step, whoever else does', () =>
      using(async (one, other) => {
        const add = (state: StateStore) =>
          state.change('count', 'a', (before) => {
            const after = ((before as number | undefined) ?? 0) + 1;
            return { after, result: after };
          });
        const all = await Promise.all(Array.from({ length: 20 }, (_, i) => add(i % 2 === 0 ? one : other)));
        expect(all.sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
        expect(await other.document('count', 'a')).toBe(20);
        expect(await other.document('count', 'b')).toBeUndefined();
        expect(await other.document('counts', 'a')).toBeUndefined();
        const failing = one.change('count', 'a', () => {
          throw new Error('not today');
        });
        await expect(failing).rejects.toThrow('not today');
        expect(await other.document('count', 'a')).toBe(20);
        expect(await one.change('count', 'a', () => ({ after: undefined, result: 'gone' }))).toBe('gone');
        expect(await other.document('count', 'a')).toBeUndefined();
      }));

    it('keeps runs, the newest first, with all that is known of them', () =>
      using(async (one, other) => {
        await one.startRun(newRun('run-1', { params: { since: '2026-01-31' }, trigger: 'cli' }));
        expect(await other.runs()).toMatchObject([{ id: 'run-1', status: 'running', trigger: 'cli' }]);
        await one.startRun(newRun('run-2', { pipe: 'q', started: new Date(Date.now() + 1).toISOString() }));
        const error = { code: 'NOT_FOUND', fault: 'input', message: 'a.csv is not there', data: {} } as const;
        await one.endRun(reportOf('run-1', { status: 'failed', error }));
        expect(ids(await other.runs())).toEqual(['run-2', 'run-1']);
        expect(ids(await other.runs({ limit: 1 }))).toEqual(['run-2']);
        expect(ids(await other.runs({ pipe: 'p' }))).toEqual(['run-1']);
        expect(ids(await other.runs({ status: 'failed' }))).toEqual(['run-1']);
        expect(ids(await other.runs({ status: 'running' }))).toEqual(['run-2']);
        expect(ids(await other.runs({ since: new Date(Date.now() + 60_000).toISOString() }))).toEqual([]);
        const record = await other.run('run-1');
        expect(record).toMatchObject({
          id: 'run-1',
          pipe: 'p',
          status: 'failed',
          rows: 10,
          rejected: 1,
          error: { code: 'NOT_FOUND', message: 'a.csv is not there' },
          params: { since: '2026-01-31' },
          definition: newRun('').definition,
          report: { run: 'run-1', tasks: [{ rows: 10 }, { rows: 9 }] },
        });
        expect(record?.hash).toBe((await other.run('run-2'))?.hash);
        expect(await other.run('run-9')).toBeUndefined();
      }));

    it('shows a run whose process is gone, or was not heard of, as died', () =>
      using(async (one, other) => {
        await one.startRun(newRun('run-1', { holder: gone }));
        await one.startRun(newRun('run-2'));
        await one.startRun(newRun('run-3'));
        await one.addEvents('run-2', [], 60_000);
        await one.addEvents('run-3', [], 0);
        const status = async (id: string) => (await other.run(id))?.status;
        expect([await status('run-1'), await status('run-2'), await status('run-3')]).toEqual([
          'died',
          'running',
          'died',
        ]);
        expect(ids(await other.runs({ status: 'died' })).sort()).toEqual(['run-1', 'run-3']);
      }));

    it('keeps events in order', () =>
      using(async (one, other) => {
        await one.startRun(newRun('run-1'));
        const at = '2026-01-31T06:00:00.000Z';
        const said = (message: string) => ({ run: 'run-1', at, type: 'log', level: 'info', message }) as const;
        await one.addEvents('run-1', [said('a'), said('b')], 60_000);
        await one.addEvents('run-1', [said('c')], 60_000);
        await one.addEvents('nobody', [said('d')], 60_000);
        expect(await other.events('run-1')).toEqual([said('a'), said('b'), said('c')]);
        expect(await other.events('nobody')).toEqual([]);
      }));

    it('removes what is too old or too much, and never what is going on', () =>
      using(async (one, other) => {
        const start = Date.now();
        const old = new Date(start - 3_600_000).toISOString();
        for (let i = 1; i <= 6; i++) {
          await one.startRun(
            newRun(`run-${i}`, {
              pipe: i === 6 ? 'q' : 'p',
              started: i <= 2 ? old : new Date(start + i).toISOString(),
            }),
          );
          if (i !== 3) await one.endRun(reportOf(`run-${i}`));
        }
        expect(await one.prune({ forMs: 60_000 })).toBe(2);
        expect(ids(await other.runs())).toEqual(['run-6', 'run-5', 'run-4', 'run-3']);
        expect(await other.events('run-1')).toEqual([]);
        expect(await other.prune({ runs: 1, pipe: 'p' })).toBe(1);
        expect(ids(await one.runs())).toEqual(['run-6', 'run-5', 'run-3']);
        expect(await other.prune({ runs: 0 })).toBe(2);
        expect(ids(await one.runs())).toEqual(['run-3']);
        expect((await one.run('run-3'))?.definition).toEqual(newRun('').definition);
      }));
  });
}
