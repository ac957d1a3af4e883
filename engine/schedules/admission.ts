// Lets a run begin when the settings of its pipe allow it, across processes; and stops it when a newer one asks.
import type { StateStore } from '../contracts/state.ts';
import { wait } from '../duration.ts';
import { thisProcess } from '../state/holder.ts';
import { createMemoryState } from '../state/memory.ts';
import { enter, type Limits, leave, stay, stopOf } from './places.ts';

export interface Applicant {
  pipe: string;
  run: string;
  limits: Limits;
  signal: AbortSignal;
  /** Told what the run waits for. */
  say(message: string): void;
  /** Called when a newer run wants the place. */
  stop(newer: string): void;
}

/** `skipped`: why the run is left out. */
export type Admission = { skipped: string } | { skipped?: undefined; leave(): Promise<void> };

const kind = 'places';
/** A process of another machine that is not heard of loses its place after so long; one of this machine when it ends. */
const leaseMs = 60_000;
const renewEveryMs = 15_000;
const lookEveryMs = 500;
const longestWaitMs = 1000;

/** Where nothing is kept, the limits hold within this process. */
const shared = createMemoryState();

/** Resolves when the run may begin, or is left out. Rejects when the signal aborts first. */
export async function admit(applicant: Applicant, opened: StateStore | undefined): Promise<Admission> {
  const { pipe, run, limits, signal, say } = applicant;
  const state = opened ?? shared;
  const out = () => state.change(kind, pipe, (before) => leave(before, run, Date.now()));
  let told: string | undefined;
  try {
    for (let pauseMs = 50; ; pauseMs = Math.min(pauseMs * 2, longestWaitMs)) {
      signal.throwIfAborted();
      const request = { run, holder: thisProcess(), leaseMs, limits };
      const answer = await state.change(kind, pipe, (before) => enter(before, request, Date.now()));
      if (answer.is === 'skipped') return { skipped: answer.reason };
      if (answer.is === 'entered') break;
      if (told === undefined) say(`waits: ${answer.reason}`);
      told = answer.reason;
      await wait(pauseMs, signal);
    }
  } catch (error) {
    await out().catch(() => {});
    throw error;
  }
  const stopWatching = watch(applicant, state);
  return {
    async leave() {
      stopWatching();
      // Its lease ends, or its process.
      await out().catch(() => {});
    },
  };
}

function watch({ pipe, run, stop }: Applicant, state: StateStore): () => void {
  let renewed = Date.now();
  let stopped = false;
  const look = async () => {
    const now = Date.now();
    const due = now - renewed >= renewEveryMs;
    if (due) renewed = now;
    const newer = due
      ? await state.change(kind, pipe, (before) => stay(before, { run, leaseMs }, now))
      : stopOf(await state.document(kind, pipe), run);
    if (newer === undefined || stopped) return;
    stopped = true;
    stop(newer);
  };
  const timer = setInterval(() => void look().catch(() => {}), lookEveryMs);
  timer.unref();
  return () => clearInterval(timer);
}
