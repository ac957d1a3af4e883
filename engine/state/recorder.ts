// The history of one run: a line when it starts, its events now and then, the report at its end.
import type { RunEvent, RunReport } from '../contracts/run.ts';
import type { NewRun, StateStore } from '../contracts/state.ts';
import { asFailure, type Failure } from '../errors.ts';
import type { State } from './choice.ts';
import { thisProcess } from './holder.ts';

export interface Recorder {
  see(event: RunEvent): void;
  /** Resolves when all is kept; with what kept it from being kept, once told. Never rejects. */
  end(report: RunReport): Promise<Failure | undefined>;
}

/** How long a run counts as alive after it was last heard of, on another machine. */
const leaseMs = 90_000;
const heardEveryMs = 20_000;
const mostRejected = 1000;

/** Begins at once, and lets the run go on meanwhile: that it cannot be recorded is no reason to fail. */
export function recordRun(run: Omit<NewRun, 'holder'>, { open, retention }: State): Recorder {
  let waiting: RunEvent[] = [];
  let rejected = 0;
  let flushing = false;
  let problem: Failure | undefined;
  let store: StateStore | undefined;
  let last: Promise<void> = Promise.resolve();

  const next = (work: (state: StateStore) => Promise<unknown>): Promise<void> => {
    last = last.then(async () => {
      if (problem !== undefined || store === undefined) return;
      try {
        await work(store);
      } catch (error) {
        problem = asFailure(error);
      }
    });
    return last;
  };
  last = open().then(
    (opened) => {
      store = opened;
    },
    (error) => {
      problem = asFailure(error);
    },
  );
  next((state) => state.startRun({ ...run, holder: thisProcess() }));
  const flush = () => {
    return next(async (state) => {
      const events = waiting;
      waiting = [];
      await state.addEvents(run.id, events, leaseMs);
    });
  };
  const heard = setInterval(flush, heardEveryMs);
  heard.unref();
  return {
    see(event) {
      if (event.type === 'task.progress') return;
      if (event.type === 'record.rejected' && ++rejected > mostRejected) return;
      waiting.push(event);
      if (waiting.length >= 500) flush();
      // What is done is known also of a run that dies later: all tasks of a stage end at once.
      else if (event.type === 'task.ended' && !flushing) {
        flushing = true;
        queueMicrotask(() => {
          flushing = false;
          flush();
        });
      }
    },
    async end(report) {
      clearInterval(heard);
      flush();
      await next(async (state) => {
        await state.endRun(report);
        await state.prune({ ...retention, pipe: run.pipe });
      });
      return problem;
    },
  };
}
