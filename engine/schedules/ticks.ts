// The ticks of a pipe's triggers, decided on one document of the state: which are due, who runs them, what became of them.
import type { Value } from '../contracts/data.ts';
import type { Holder } from '../contracts/state.ts';
import { hasLost } from '../state/holder.ts';
import type { Times } from './times.ts';

export interface Trigger {
  /** From 1, in the order of the file. */
  number: number;
  /** What the state knows it by: the line and its zone. One that is changed is a new one. */
  key: string;
  times: Times;
  catchUp: 'none' | 'last' | 'all';
  jitterMs: number;
}

export interface Tick {
  /** What the cron line says, in milliseconds. */
  tick: number;
  /** With its jitter. */
  due: number;
  status: 'waiting' | 'running' | 'done' | 'failed' | 'interrupted' | 'skipped' | 'died';
  /** It was missed, and is made up for after what came before it. */
  late?: boolean;
  run?: string;
  holder?: Holder;
  /** Until when it is its holder's, on another machine. */
  until?: number;
  attempts: number;
}

/** What is known of a trigger. */
export interface Line {
  /** All ticks up to here have been decided about. */
  seen: number;
  /** In their order: those that are open, and some that have ended. */
  ticks: Tick[];
}

export interface PipeSchedule {
  /** Since when, as ISO timestamp. */
  paused?: string;
  lines: Record<string, Line>;
}

/** One tick that is this process's to run. */
export interface Claim extends Pick<Tick, 'tick' | 'late'> {
  trigger: Trigger;
  run: string;
}

export interface Moment {
  now: number;
  holder: Holder;
  leaseMs: number;
  random(): number;
  newRun(): string;
  /** What became of runs whose process is gone, by id: `died` unless told. */
  ended: ReadonlyMap<string, Outcome>;
}

export type Outcome = 'done' | 'failed' | 'interrupted' | 'skipped' | 'died';

/** A tick that is no later than this has not been missed. */
const graceMs = 60_000;
/** How many ticks of one trigger may be with runs at once; the others wait in the state. */
const mostRunning = 10;
const mostMadeUp = 1000;
const mostEnded = 10;
const mostAttempts = 5;

export function scheduleOf(document: Value | undefined): PipeSchedule {
  return (document as unknown as PipeSchedule | undefined) ?? { lines: {} };
}

/** Decides what is due, and gives what this process is to run. */
export function advance(before: Value | undefined, triggers: readonly Trigger[], moment: Moment) {
  const schedule = scheduleOf(before);
  const claims: Claim[] = [];
  if (schedule.paused === undefined) {
    for (const trigger of triggers) {
      const line = schedule.lines[trigger.key] ?? { seen: moment.now, ticks: [] };
      schedule.lines[trigger.key] = line;
      decide(line, trigger, moment);
      release(line, trigger, moment);
      claims.push(...claim(line, trigger, moment));
      trim(line);
    }
  }
  return { after: schedule as unknown as Value, result: claims };
}

/** When there is something to do next: at once for what is due already. */
export function nextStep(schedule: PipeSchedule, triggers: readonly Trigger[], now: number): number | undefined {
  if (schedule.paused !== undefined) return undefined;
  const times = triggers.flatMap(({ key, times }) => {
    const line = schedule.lines[key];
    if (line === undefined) return [now];
    const open = line.ticks.filter(isOpen);
    const running = open.filter(({ status }) => status === 'running').length;
    return [
      ...open.flatMap((tick) => {
        if (tick.status === 'running') return isLost(tick, now) ? [now] : [];
        return running < roomFor(tick) ? [tick.due] : [];
      }),
      times.next(line.seen) ?? Number.POSITIVE_INFINITY,
    ];
  });
  const first = Math.min(...times);
  return Number.isFinite(first) ? first : undefined;
}

/** Says what became of a tick; nothing when it is someone else's by now. `again`: it was not run to its end, and may be run once more. */
export function finish(
  before: Value | undefined,
  trigger: Trigger,
  { tick, run, outcome, again }: { tick: number; run: string; outcome: Outcome; again: boolean },
) {
  const schedule = scheduleOf(before);
  const found = schedule.lines[trigger.key]?.ticks.find((each) => each.tick === tick && each.run === run);
  if (found?.status === 'running') close(found, trigger, outcome, again);
  return { after: schedule as unknown as Value, result: undefined };
}

/** Keeps the ticks of a process for longer. */
export function renew(before: Value | undefined, runs: ReadonlySet<string>, until: number) {
  const schedule = scheduleOf(before);
  for (const { ticks } of Object.values(schedule.lines))
    for (const each of ticks) if (each.status === 'running' && runs.has(each.run!)) each.until = until;
  return { after: schedule as unknown as Value, result: undefined };
}

/** Runs that hold a tick and whose process is gone. */
export function lostRuns(schedule: PipeSchedule, now: number): string[] {
  return Object.values(schedule.lines).flatMap(({ ticks }) =>
    ticks.filter((tick) => isLost(tick, now)).map(({ run }) => run!),
  );
}

/** With a pause, ticks come and go; without one, they count again from now on. */
export function setPaused(before: Value | undefined, paused: boolean, now: number) {
  const schedule = scheduleOf(before);
  const was = schedule.paused;
  if (paused) schedule.paused ??= new Date(now).toISOString();
  else {
    delete schedule.paused;
    for (const line of Object.values(schedule.lines)) {
      line.seen = now;
      line.ticks = line.ticks.filter(({ status }) => status !== 'waiting');
    }
  }
  return { after: schedule as unknown as Value, result: was };
}

function decide(line: Line, trigger: Trigger, { now, random }: Moment): void {
  const { times, jitterMs } = trigger;
  const next = times.next(line.seen);
  if (next === undefined || next > now) return;
  for (const tick of dueTicks(line.seen, trigger, now)) {
    const late =
      now - tick > graceMs || (trigger.catchUp === 'all' && line.ticks.some(({ status }) => status === 'waiting'));
    const due = late ? tick : tick + Math.floor(random() * jitterMs);
    line.ticks.push({ tick, due, status: 'waiting', ...(late ? { late } : {}), attempts: 0 });
  }
  line.seen = now;
}

/** Those after `seen` that are to be run, in their order. */
function dueTicks(seen: number, { times, catchUp }: Trigger, now: number): number[] {
  const due: number[] = [];
  const from = catchUp === 'all' ? seen : Math.max(seen, now - graceMs - 1);
  for (let tick = times.next(from); tick !== undefined && tick <= now; tick = times.next(tick)) {
    due.push(tick);
    if (due.length > mostMadeUp) return newest(seen, times, now);
  }
  if (due.length > 0 || catchUp !== 'last') return due;
  const last = times.previous(now);
  return last !== undefined && last > seen ? [last] : [];
}

function newest(seen: number, times: Times, now: number): number[] {
  const due: number[] = [];
  let tick = times.previous(now);
  while (tick !== undefined && tick > seen && due.length < mostMadeUp) {
    due.push(tick);
    tick = times.previous(tick - 1);
  }
  return due.reverse();
}

/** Takes ticks back from processes that are gone. */
function release(line: Line, trigger: Trigger, { now, ended }: Moment): void {
  for (const tick of line.ticks) {
    if (!isLost(tick, now)) continue;
    const outcome = ended.get(tick.run!) ?? 'died';
    close(tick, trigger, outcome, outcome === 'died' || outcome === 'interrupted');
  }
}

function close(tick: Tick, { catchUp }: Trigger, outcome: Outcome, again: boolean): void {
  delete tick.holder;
  delete tick.until;
  tick.status = outcome;
  if (!again || catchUp === 'none' || tick.attempts >= mostAttempts) return;
  tick.status = 'waiting';
  tick.late = true;
}

function claim(line: Line, trigger: Trigger, { now, holder, leaseMs, newRun }: Moment): Claim[] {
  const claims: Claim[] = [];
  let running = line.ticks.filter(({ status }) => status === 'running').length;
  for (const tick of line.ticks) {
    if (tick.status !== 'waiting' || tick.due > now || running >= roomFor(tick)) continue;
    const run = newRun();
    Object.assign(tick, { status: 'running', run, holder, until: now + leaseMs, attempts: tick.attempts + 1 });
    claims.push({ trigger, tick: tick.tick, run, ...(tick.late === true ? { late: true } : {}) });
    running++;
  }
  return claims;
}

/** Those that are made up for run one after the other. */
function roomFor({ late }: Tick): number {
  return late === true ? 1 : mostRunning;
}

function trim(line: Line): void {
  let surplus = line.ticks.filter((tick) => !isOpen(tick)).length - mostEnded;
  if (surplus > 0) line.ticks = line.ticks.filter((tick) => isOpen(tick) || surplus-- <= 0);
}

function isOpen({ status }: Tick): boolean {
  return status === 'waiting' || status === 'running';
}

function isLost({ status, holder, until }: Tick, now: number): boolean {
  return status === 'running' && hasLost(holder!, until!, now);
}
