// Two years of schedules in twelve time zones, simulated, and several `pipe serve` that are paused and killed: each tick
// once. `tsx scripts/campaign-schedules.ts`
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createScheduler } from '../engine/schedules/scheduler.ts';
import type { Trigger } from '../engine/schedules/ticks.ts';
import { timesOf } from '../engine/schedules/times.ts';
import { createMemoryState } from '../engine/state/memory.ts';
import { openSqliteState } from '../engine/state/sqlite.ts';
import { program } from '../test/cli/pipe.ts';
import { type Named, ticksByLooking } from '../test/engine/schedule-oracle.ts';

export const zones = [
  'UTC',
  'Europe/Berlin',
  'Europe/London',
  'America/New_York',
  'America/St_Johns',
  'America/Santiago',
  'Australia/Lord_Howe',
  'Australia/Sydney',
  'Pacific/Chatham',
  'Africa/Cairo',
  'Asia/Kolkata',
  'Atlantic/Azores',
];

const daily = () => true;
export const lines: readonly Named[] = [
  { line: '30 2 * * *', day: daily, hours: [2], minutes: [30] },
  { line: '15,45 0-3 * * *', day: daily, hours: [0, 1, 2, 3], minutes: [15, 45] },
  { line: '*/30 0-3 * * *', pattern: true, day: daily, hours: [0, 1, 2, 3], minutes: [0, 30] },
  { line: '@daily', day: daily, hours: [0], minutes: [0] },
  { line: '0 3 * * SUN', day: ({ weekday }) => weekday === 0, hours: [3], minutes: [0] },
  { line: '59 23 1,15 * *', day: ({ date }) => date === 1 || date === 15, hours: [23], minutes: [59] },
];

export interface SimulatedOutcome {
  ticks: number;
  /** Where what was run is not what should have been: `zone line: why`. */
  wrong: string[];
}

/** Runs schedules on a clock that jumps from tick to tick, with two schedulers that share a state. */
export async function simulate(o: {
  zones: readonly string[];
  lines: readonly Named[];
  from: number;
  to: number;
}): Promise<SimulatedOutcome> {
  const state = createMemoryState();
  let now = o.from;
  const clock = { now: () => now, sleep: async () => {} };
  const fired = new Map<string, number[]>();
  const pipes = o.zones.flatMap((timezone) =>
    o.lines.map(({ line }, i) => {
      const times = timesOf({ cron: line, timezone });
      const trigger: Trigger = { number: 1, key: line, times, catchUp: 'none', jitterMs: 0 };
      return { pipe: `${timezone} ${i}`, triggers: [trigger], timezone, line: o.lines[i]! };
    }),
  );
  for (const { pipe } of pipes) fired.set(pipe, []);
  const schedulers = ['a', 'b'].map((name) => {
    const scheduler = createScheduler<(typeof pipes)[number]>({
      state,
      clock,
      holder: { host: `${hostname()}-${name}`, pid: 1 },
      async fire({ pipe }, { tick }) {
        fired.get(pipe)!.push(tick);
        return 'done';
      },
    });
    return scheduler;
  });
  // One pipe at a time, so that a step is about what has something to do.
  for (const pipe of pipes) {
    now = o.from;
    for (const scheduler of schedulers) scheduler.set([pipe]);
    while (now < o.to) {
      const next = (await Promise.all(schedulers.map((scheduler) => scheduler.step())))[0];
      while (schedulers.some((scheduler) => scheduler.running() > 0)) await Promise.resolve();
      if (next === undefined) break;
      now = Math.max(now + 1, next);
    }
  }
  const wrong: string[] = [];
  let ticks = 0;
  const expectations = new Map(o.zones.map((zone) => [zone, ticksByLooking(o.lines, zone, o.from, o.to)]));
  for (const { pipe, timezone, line } of pipes) {
    const expected = expectations.get(timezone)![o.lines.indexOf(line)]!;
    const found = fired.get(pipe) ?? [];
    ticks += found.length;
    const differs = Math.max(expected.length, found.length);
    for (let i = 0; i < differs; i++) {
      if (expected[i] === found[i]) continue;
      const shown = [expected[i], found[i]].map((at) => (at === undefined ? 'none' : new Date(at).toISOString()));
      wrong.push(`${timezone} ${line.line}: expected ${shown[0]}, ran ${shown[1]}`);
      break;
    }
  }
  return { ticks, wrong };
}

export interface ServeOutcome {
  ticks: number;
  kills: number;
  pauses: number;
  /** Ticks that have not exactly one run that was done. */
  wrong: string[];
}

/** Several `pipe serve` on one state, of which some are killed and begun again, and some paused; a tick every second. */
export async function disturb(o: { processes: number; seconds: number; everyMs: number }): Promise<ServeOutcome> {
  const folder = mkdtempSync(join(tmpdir(), 'pipewright-serve-'));
  writeFileSync(join(folder, 'pipewright.yaml'), 'state: { file: state.db, keep_runs: 1000000 }\n');
  const pipe = `name: tick
triggers: [{ cron: "* * * * * *", catch_up: all }]
tasks:
  - { op: echo, rows: [{ at: "\${trigger.scheduled}" }] }
  - { op: write, path: "out/\${trigger.scheduled}.csv", mode: replace }
`;
  writeFileSync(join(folder, 'tick.yaml'), pipe);
  const begin = () => {
    const child = spawn(process.execPath, [...program(), 'serve', '.', '--log', 'json'], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    child.stderr.resume();
    const ended = new Promise<void>((done) => child.on('close', () => done()));
    const started = new Promise<void>((done) => child.stderr.once('data', () => done()));
    return { child, ended, started };
  };
  const services = Array.from({ length: o.processes }, begin);
  let kills = 0;
  let pauses = 0;
  try {
    await Promise.all(services.map(({ started }) => started));
    const until = Date.now() + o.seconds * 1000;
    while (Date.now() < until) {
      await pause(o.everyMs * (0.5 + Math.random()));
      const at = Math.floor(Math.random() * services.length);
      const { child, ended } = services[at]!;
      if (Math.random() < 0.5) {
        child.kill('SIGSTOP');
        await pause(o.everyMs * Math.random());
        child.kill('SIGCONT');
        pauses++;
      } else {
        child.kill('SIGKILL');
        await ended;
        services[at] = begin();
        kills++;
      }
    }
    // What was missed is made up for.
    await Promise.all(services.map(({ started }) => started));
    await pause(3000);
    for (const { child } of services) child.kill('SIGTERM');
    await Promise.all(services.map(({ ended }) => ended));
    const state = await openSqliteState(join(folder, 'state.db'));
    const runs = await state.runs({ limit: 1_000_000 });
    await state.close();
    const done = new Map<string, number>();
    for (const { scheduled, status } of runs)
      if (status === 'done') done.set(scheduled!, (done.get(scheduled!) ?? 0) + 1);
    const times = [...done.keys()].map((time) => Date.parse(time)).sort((a, b) => a - b);
    const wrong: string[] = [];
    for (let at = times[0]!; at <= times.at(-1)!; at += 1000) {
      const time = new Date(at).toISOString();
      if (done.get(time) !== 1) wrong.push(`${time}: ${done.get(time) ?? 0} runs`);
    }
    return { ticks: times.length, kills, pauses, wrong };
  } finally {
    for (const { child } of services) child.kill('SIGKILL');
    await Promise.all(services.map(({ ended }) => ended));
    rmSync(folder, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const begun = performance.now();
  const { ticks, wrong } = await simulate({ zones, lines, from: Date.UTC(2026, 0, 1), to: Date.UTC(2028, 0, 1) });
  console.log(
    `simulated: ${ticks} ticks, ${wrong.length} schedules wrong, ${((performance.now() - begun) / 1000).toFixed(1)} s`,
  );
  const served = await disturb({ processes: 4, seconds: 60, everyMs: 500 });
  const { kills, pauses } = served;
  console.log(`served: ${served.ticks} ticks, ${kills} kills, ${pauses} pauses, ${served.wrong.length} ticks wrong`);
  for (const text of [...wrong, ...served.wrong]) console.log(text);
  if (wrong.length + served.wrong.length > 0) process.exit(1);
}
