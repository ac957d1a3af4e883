// Schedules: what is wrong with a trigger, when it is due through changes of the clock, and what was missed.
import { hostname } from 'node:os';
import { expect, test } from 'vitest';
import type { Value } from '../../engine/contracts/data.ts';
import { advance, type Claim, finish, type Moment, setPaused, type Trigger } from '../../engine/schedules/ticks.ts';
import { timesOf } from '../../engine/schedules/times.ts';
import { createEngine } from '../../index.ts';
import { lines, simulate } from '../../scripts/campaign-schedules.ts';

async function mistakesOf(trigger: string): Promise<string[]> {
  const text = `triggers:\n  - ${trigger}\ntasks:\n  - { op: echo, rows: [{ a: 1 }] }\n`;
  const { diagnostics } = await createEngine({ state: 'none' }).check({ text, file: 'p.yaml' });
  return diagnostics.map(({ line, col, code, message }) => `${line}:${col} ${code} ${message}`);
}

test.each([
  ['{ cron: "0 6 * * *" }', undefined],
  ['{ cron: "30 0 6 L * *", timezone: Europe/Berlin, start: 2026-02-01, end: "2026-03-01 18:00" }', undefined],
  ['{ cron: "@daily" }', undefined],
  ['{ cron: "61 * * * *" }', '2:14 CRON_INVALID trigger 1: the minute is 0 to 59, and this is 61'],
  ['{ cron: "0 1,25 * * *" }', '2:18 CRON_INVALID trigger 1: the hour is 0 to 23, and this is 25'],
  ['{ cron: "0 0 1 JAN,FOO *" }', '2:24 CRON_INVALID trigger 1: "FOO" is no month'],
  [
    '{ cron: "5/5 * * * *" }',
    '2:14 CRON_INVALID trigger 1: the minute 5/5 starts at a number; write 5-59/5 in its place',
  ],
  ['{ cron: "@dayly" }', '2:14 CRON_INVALID trigger 1: there is no shorthand @dayly; did you mean "@daily"?'],
  ['{ cron: "0 0 30 2 *" }', '2:13 CRON_INVALID trigger 1: the cron line has no time that ever comes'],
  ['{ cron: "@daily", timezone: Europe/Berlim }', 'did you mean "Europe/Berlin"?'],
  ['{ cron: "@daily", timezone: berlin }', 'did you mean "Europe/Berlin"?'],
  ['{ cron: "@daily", start: 2026-02-30 }', '2:30 PATTERN trigger 1: start "2026-02-30" is a time that does not exist'],
  ['{ cron: "@daily", params: { b: 1 } }', '2:33 UNKNOWN_PARAM'],
])('%s', async (trigger, mistake) => {
  const found = await mistakesOf(trigger);
  expect(found).toEqual(mistake === undefined ? [] : [expect.stringContaining(mistake)]);
});

test('start and end are times of the zone; a date is all of its day', () => {
  const times = timesOf({ cron: '0 6 * * *', timezone: 'America/New_York', start: '2026-03-07', end: '2026-03-09' });
  const found: string[] = [];
  for (let at = times.next(0); at !== undefined; at = times.next(at)) found.push(new Date(at).toISOString());
  expect(found).toEqual(['2026-03-07T11:00:00.000Z', '2026-03-08T10:00:00.000Z', '2026-03-09T10:00:00.000Z']);
  expect(times.previous(Date.UTC(2026, 5, 1))).toBe(Date.UTC(2026, 2, 9, 10));
  expect(times.previous(Date.UTC(2026, 2, 1))).toBeUndefined();
});

test.each([
  ['Europe/Berlin', Date.UTC(2026, 2, 25)],
  ['Europe/Berlin', Date.UTC(2026, 9, 21)],
  ['Australia/Lord_Howe', Date.UTC(2026, 3, 1)],
  ['America/Santiago', Date.UTC(2026, 8, 2)],
])('each tick once through the change of the clock in %s', async (zone, from) => {
  const { ticks, wrong } = await simulate({ zones: [zone], lines, from, to: from + 8 * 86_400_000 });
  expect(wrong).toEqual([]);
  expect(ticks).toBeGreaterThan(100);
});

const minute = 60_000;
const start = Date.UTC(2026, 0, 1, 12);
const times = timesOf({ cron: '*/10 * * * *', timezone: 'UTC' });
const here = { host: hostname(), pid: process.pid };

function ticking(more: Partial<Trigger> = {}) {
  const trigger: Trigger = { number: 1, key: 'k', times, catchUp: 'none', jitterMs: 0, ...more };
  let document: Value | undefined;
  let runs = 0;
  const keep = <T>({ after, result }: { after: Value; result: T }): T => {
    document = after;
    return result;
  };
  return {
    at: (now: number, more: Partial<Moment> = {}) =>
      keep(
        advance(structuredClone(document), [trigger], {
          now,
          holder: here,
          leaseMs: minute,
          random: () => 0.5,
          newRun: () => `run-${++runs}`,
          ended: new Map(),
          ...more,
        }),
      ),
    done: ({ tick, run }: Claim) =>
      keep(finish(structuredClone(document), trigger, { tick, run, outcome: 'done', again: false })),
    pause: (paused: boolean, now: number) => keep(setPaused(structuredClone(document), paused, now)),
  };
}

const minutes = (claims: readonly Claim[]) => claims.map(({ tick }) => (tick - start) / minute);

test('what was missed: none of it, the last, or all in their order', () => {
  for (const [catchUp, expected] of [
    ['none', []],
    ['last', [30]],
    ['all', [10]],
  ] as const) {
    const ticks = ticking({ catchUp });
    expect(ticks.at(start)).toEqual([]);
    expect(minutes(ticks.at(start + 35 * minute))).toEqual(expected);
  }
  const all = ticking({ catchUp: 'all' });
  all.at(start);
  const found: number[] = [];
  for (let claims = all.at(start + 35 * minute); claims.length > 0; claims = all.at(start + 35 * minute)) {
    found.push(...minutes(claims));
    all.done(claims[0]!);
  }
  expect(found).toEqual([10, 20, 30]);
});

test('a clock that goes back runs nothing twice, and jitter is kept', () => {
  const ticks = ticking({ jitterMs: 4 * minute });
  ticks.at(start);
  expect(ticks.at(start + 10 * minute)).toEqual([]);
  expect(minutes(ticks.at(start + 12 * minute))).toEqual([10]);
  expect(ticks.at(start + 5 * minute)).toEqual([]);
  expect(ticks.at(start + 14 * minute)).toEqual([]);
});

test('a pause lets ticks go; after it they count from then on', () => {
  const ticks = ticking({ catchUp: 'all' });
  ticks.at(start);
  ticks.pause(true, start + minute);
  expect(ticks.at(start + 21 * minute)).toEqual([]);
  ticks.pause(false, start + 25 * minute);
  expect(minutes(ticks.at(start + 30 * minute))).toEqual([30]);
});

test('the tick of a process that has died is made up for where the trigger says so', () => {
  const gone = { host: hostname(), pid: 2 ** 30 };
  const now = start + 10 * minute;
  for (const [catchUp, ended, expected] of [
    ['none', 'died', []],
    ['last', 'died', [10]],
    ['last', 'done', []],
  ] as const) {
    const ticks = ticking({ catchUp });
    ticks.at(start);
    const [claim] = ticks.at(now, { holder: gone });
    expect(minutes(ticks.at(now + 1, { ended: new Map([[claim!.run, ended]]) }))).toEqual(expected);
  }
  // One that is only slow keeps it, however long that takes.
  const slow = ticking({ catchUp: 'all' });
  slow.at(start);
  expect(minutes(slow.at(now))).toEqual([10]);
  expect(slow.at(now + 5 * minute)).toEqual([]);
});
