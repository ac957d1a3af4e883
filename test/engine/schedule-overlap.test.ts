// Runs of one pipe that would overlap: left out, in line, or in the place of the older one; and so many in a time.
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { RunReport } from '../../engine/contracts/run.ts';
import { enter, type Limits, leave } from '../../engine/schedules/places.ts';
import type { Pipe } from '../../index.ts';
import { type OwnEngine, ownEngine } from './own-engine.ts';

let own: OwnEngine;
beforeEach(() => {
  own = ownEngine({ state: { file: 'state.db' } });
});
afterEach(() => own.close());

function pipe(settings: object): Pipe {
  const tasks = [
    { op: 'read', path: '-', format: 'ndjson' },
    { op: 'write', path: '-', format: 'ndjson' },
  ];
  return { name: 'slow', settings, tasks } as Pipe;
}

/** A run that reads its stdin until it is let go. */
function held(settings: object, engine = own.engine) {
  let letGo = () => {};
  let reading = () => {};
  const end = new Promise<void>((done) => {
    letGo = done;
  });
  const begun = new Promise<void>((done) => {
    reading = done;
  });
  const run = engine.run(pipe(settings), {
    stdout: async () => {},
    async *stdin() {
      yield Buffer.from('{"a":1}\n');
      reading();
      await end;
    },
  });
  const said: string[] = [];
  const waits = new Promise<void>((done) =>
    run.on((event) => {
      if (event.type !== 'log') return;
      said.push(event.message);
      done();
    }),
  );
  const result = run.result.then(
    ({ status }) => status,
    (error: { report?: RunReport; code: string }) => error.report?.status ?? error.code,
  );
  return { letGo, begun, waits, said, result };
}

test('skip: the second is left out, and says which run goes on', async () => {
  const settings = { concurrency: 1, on_overlap: 'skip' };
  const first = held(settings);
  await first.begun;
  const second = held(settings, own.again());
  expect(await second.result).toBe('skipped');
  expect(second.said).toEqual([
    expect.stringMatching(/^slow is skipped: run run-\w+ is still going on \(process \d+ on /),
  ]);
  first.letGo();
  expect(await first.result).toBe('done');
  const runs = await own.engine.runs.list();
  expect(runs.map(({ status }) => status)).toEqual(['done']);
});

test('queue: the second begins when the first has ended', async () => {
  const settings = { concurrency: 1 };
  const first = held(settings);
  await first.begun;
  const second = held(settings, own.again());
  await second.waits;
  const order: string[] = [];
  void first.result.then(() => order.push('first ended'));
  void second.begun.then(() => order.push('second began'));
  first.letGo();
  await second.begun;
  expect(order).toEqual(['first ended', 'second began']);
  second.letGo();
  expect(await second.result).toBe('done');
});

test('cancel: the first is asked to stop, and the second waits for that', async () => {
  const settings = { concurrency: 1, on_overlap: 'cancel' };
  const first = held(settings);
  await first.begun;
  const second = held(settings, own.again());
  // Its source hangs, and a run waits for what it has begun to read.
  await first.waits;
  expect(first.said[0]).toMatch(/^run run-\w+ has asked this one to stop$/);
  first.letGo();
  expect(await first.result).toBe('interrupted');
  await second.begun;
  second.letGo();
  expect(await second.result).toBe('done');
});

const here = { host: 'here', pid: 1 };
const limits = (more: Partial<Limits>): Limits => ({ concurrency: 1, overlap: 'queue', throttle: undefined, ...more });

test('throttle: so many in an interval, whatever becomes of them', () => {
  const request = (run: string) => ({
    run,
    holder: here,
    leaseMs: 60_000,
    limits: limits({ concurrency: undefined, throttle: { runs: 2, perMs: 10_000 } }),
  });
  let document = enter(undefined, request('a'), 0).after;
  document = leave(document, 'a', 1).after!;
  document = enter(document, request('b'), 5000).after;
  const third = enter(document, request('c'), 6000);
  expect(third.result).toMatchObject({ is: 'wait', reason: expect.stringContaining('no more may for 4 s') });
  expect(enter(third.after, request('c'), 10_001).result).toEqual({ is: 'entered' });
  // A clock that went back is no reason to wait for a future that has been.
  expect(enter(document, request('c'), -60_000).result).toEqual({ is: 'entered' });
});

test('whoever is not heard of any more, on another machine, has no place; who came first is first', () => {
  const request = (run: string, now: number, document: Parameters<typeof enter>[0]) =>
    enter(document, { run, holder: { host: `elsewhere-${run}`, pid: 1 }, leaseMs: 1000, limits: limits({}) }, now);
  const a = request('a', 0, undefined);
  const b = request('b', 10, a.after);
  const c = request('c', 20, b.after);
  expect([a.result.is, b.result.is, c.result.is]).toEqual(['entered', 'wait', 'wait']);
  expect(request('c', 1005, c.after).result.is).toBe('wait');
  expect(request('b', 1005, c.after).result.is).toBe('entered');
});
