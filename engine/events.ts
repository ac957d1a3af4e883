// The run's events: one emitter, any number of readers, none of which can slow the run down.
import type { RunEvent } from './contracts/run.ts';

type Body = RunEvent extends infer Event ? (Event extends RunEvent ? Omit<Event, 'run' | 'at'> : never) : never;

export interface Events {
  emit(event: Body): void;
  /** Calls `listener` for every event from now on. */
  on(listener: (event: RunEvent) => void): void;
  /** All events from the first, ending with `run.ended`. */
  iterate(): AsyncIterableIterator<RunEvent>;
}

/** `clean` sees every event before anyone else does: the redactor. */
export function createEvents(run: string, clean: (event: RunEvent) => RunEvent): Events {
  const listeners: ((event: RunEvent) => void)[] = [];
  const past: RunEvent[] = [];
  return {
    emit(body) {
      const event = clean({ run, at: new Date().toISOString(), ...body } as RunEvent);
      // Progress is worth nothing once it is over; what is kept for late readers stays small.
      if (event.type !== 'task.progress' && past.length < 10_000) past.push(event);
      for (const listener of listeners) listener(event);
    },
    on(listener) {
      listeners.push(listener);
    },
    async *iterate() {
      const waiting = [...past];
      let wake = () => {};
      listeners.push((event) => {
        waiting.push(event);
        wake();
      });
      for (;;) {
        const event = waiting.shift();
        if (event === undefined) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
          continue;
        }
        yield event;
        if (event.type === 'run.ended') return;
      }
    },
  };
}
