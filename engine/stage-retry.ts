// A stage that failed: run again where its tasks say so and nothing of it can be seen yet, or left behind.

import type { Retry, Settings } from '../schemas/generated/types.ts';
import { durationMs, wait } from './duration.ts';
import { asFailure, type Failure } from './errors.ts';
import type { RetryBudget } from './retry.ts';
import type { TaskState } from './run.ts';
import { runStage, type StageParts } from './stage.ts';
import { ExitSignal } from './task-context.ts';

/** As `runStage`; `budget`: the retries that the run has left. */
export async function runStageRetried(
  states: readonly TaskState[],
  shared: StageParts,
  budget: RetryBudget,
): Promise<void> {
  const { options, events, plan } = shared;
  const { signal, stdout } = options;
  for (let attempt = 1; ; attempt++) {
    // What someone has read cannot be taken back.
    let shown = false;
    const watched = async (chunk: Uint8Array) => {
      shown = true;
      await stdout!(chunk);
    };
    const outcome = { visible: false };
    try {
      const own = stdout === undefined ? options : { ...options, stdout: watched };
      return await runStage(states, { ...shared, options: own, outcome });
    } catch (error) {
      if (error instanceof ExitSignal || signal.aborted) throw error;
      const found = asFailure(error);
      const failed = states.find(({ status }) => status === 'failed');
      const retry = failed && retryOf(failed, plan.settings);
      const isSafe = !outcome.visible && !shown && options.take === undefined;
      if (
        retry !== undefined &&
        isSafe &&
        attempt < (retry.attempts ?? 3) &&
        isRetried(found, retry) &&
        budget.take()
      ) {
        const waitMs = waitOf(retry, attempt, found.afterMs);
        const { index, op, id } = failed!.task;
        events.emit({ type: 'task.retry', index, op, id, attempt, waitMs, code: found.code, message: found.message });
        await wait(waitMs, signal);
        for (const state of states) reset(state, state === failed);
        continue;
      }
      if (failed?.task.definition.on_error !== 'continue') throw error;
      const message = `task ${failed.task.index + 1} (${failed.task.op}) failed, and the run goes on without it: ${found.code} ${found.message}`;
      events.emit({ type: 'log', level: 'warn', message, index: failed.task.index });
      return;
    }
  }
}

function retryOf({ task }: TaskState, settings: Settings): Retry | undefined {
  return task.definition.retry ?? settings.retry;
}

function isRetried({ code, fault, retry: mayPass }: Failure, { on }: Retry): boolean {
  return on === undefined ? mayPass : on.includes(code) || on.includes(fault);
}

const longestMs = 60 * 60 * 1000;

function waitOf(
  { backoff, wait: first = '1s', max_wait: longest = '1m', jitter }: Retry,
  attempt: number,
  asked = 0,
): number {
  const factor = backoff === 'fixed' ? 1 : backoff === 'linear' ? attempt : 2 ** (attempt - 1);
  const ms =
    Math.min(durationMs(longest), durationMs(first) * factor) * (jitter === false ? 1 : 0.5 + Math.random() / 2);
  return Math.ceil(Math.max(ms, Math.min(asked, longestMs)));
}

/** As before it began; only how often it was tried stays. */
function reset(state: TaskState, failed: boolean): void {
  const { retries } = state.figures;
  Object.assign(state.figures, {
    rows: 0,
    bytes: 0,
    files: 0,
    rejected: 0,
    retries: retries + (failed ? 1 : 0),
    seconds: 0,
  });
  state.status = 'waiting';
  state.result = null;
}
