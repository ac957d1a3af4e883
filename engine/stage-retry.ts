// A stage that failed: run again where its tasks say so and nothing of it can be seen yet, or left behind.

import type { Retry, Settings } from '../schemas/generated/types.ts';
import { blame, errorRecord, errorRows } from './blame.ts';
import { around, type States } from './blocks.ts';
import type { Stream } from './contracts/data.ts';
import { durationMs, wait } from './duration.ts';
import { asFailure, type Failure } from './errors.ts';
import type { TaskState } from './run.ts';
import { runStage, type StageParts } from './stage.ts';
import { ExitSignal } from './task-context.ts';
import { runUnit } from './units.ts';

/** As `runStage`. What a block says of retries and errors holds for the tasks in it that say nothing of their own. */
export async function runStageRetried(states: readonly TaskState[], all: States, shared: StageParts): Promise<void> {
  const { options, events, plan, budget } = shared;
  const { signal, stdout } = options;
  for (let attempt = 1; ; attempt++) {
    // What someone has read cannot be taken back.
    let shown = false;
    const watched = async (chunk: Uint8Array) => {
      shown = true;
      await stdout!(chunk);
    };
    const outcome = { visible: false };
    const seen = () => {
      if (outcome.visible && shared.outcome !== undefined) shared.outcome.visible = true;
    };
    let given = false;
    const give =
      shared.give &&
      ((stream: Stream) => {
        given = true;
        return shared.give!(stream);
      });
    try {
      const own = stdout === undefined ? options : { ...options, stdout: watched };
      await runStage(states, all, { ...shared, options: own, outcome, ...(give && { give }) });
      seen();
      return;
    } catch (error) {
      seen();
      if (error instanceof ExitSignal || signal.aborted) throw error;
      const found = asFailure(error);
      const failed = states.find(({ status }) => status === 'failed');
      const retry = failed && retryOf(failed, all, plan.settings);
      const isSafe = !outcome.visible && !shown && options.take === undefined && !given;
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
      if (failed !== undefined) blame(found, failed);
      const caught = failed && [failed, ...around(failed, all)].find(catches);
      const { on_error: then } = caught?.planned.definition ?? {};
      if (caught === undefined || then === 'fail') throw found;
      const message = `${failed!.planned.label} failed, and the run goes on without it: ${found.code} ${found.message}`;
      events.emit({ type: 'log', level: 'warn', message, index: failed!.planned.index });
      // What is left of a block is left out with it.
      for (const state of caught === failed ? [] : around(failed!, all)) {
        state.status = 'failed';
        if (state === caught) break;
      }
      if (Array.isArray(then)) {
        const record = errorRecord(found);
        const unit = { names: { error: record }, input: errorRows(record), signal };
        await runUnit(caught.planned.lists.on_error!, 'on_error', caught, shared, unit);
      }
      return;
    }
  }
}

/** Whether a task says what follows an error. One that runs units says it of each of these. */
function catches({ planned: { definition, units } }: TaskState): boolean {
  return definition.on_error !== undefined && units !== true;
}

function retryOf(failed: TaskState, all: States, settings: Settings): Retry | undefined {
  const said = [failed, ...around(failed, all)].find(({ planned }) => planned.definition.retry !== undefined);
  return said?.planned.definition.retry ?? settings.retry;
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
  delete state.list;
}
