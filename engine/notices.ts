// `settings.on_error`: what follows a run that failed, once for each kind of error in a time.
import { type ErrorRecord, errorRecord, errorRows } from './blame.ts';
import { durationMs } from './duration.ts';
import { asFailure, type Failure } from './errors.ts';
import { openFrame, type RunParts } from './frame.ts';
import type { Services } from './opening.ts';
import type { Plan, PlannedTask } from './plan.ts';
import type { TaskState } from './run.ts';
import { noFigures } from './stages.ts';
import { runPipe, runUnit } from './units.ts';

/** Never fails: what goes wrong is said in the log. */
export async function giveNotice(error: Failure, plan: Plan, services: Services, run: RunParts): Promise<void> {
  const { on_error: then, notice_interval: interval = '24h' } = plan.settings;
  if (then === undefined || run.options.dryRun === true || error.fault === 'interrupted') return;
  const say = (level: 'info' | 'warn', message: string) => run.events.emit({ type: 'log', level, message });
  const signal = run.options.signal ?? new AbortController().signal;
  const record: ErrorRecord = { ...errorRecord(error), pipe: plan.name, run: run.id };
  const space = `notices of ${plan.name}`;
  const kind = `${error.code} ${String(record.task)}`;
  // The time of the run may be over; that of its notice is not.
  const frame = openFrame(plan, services, { ...run, signal });
  try {
    const state = await run.state.open();
    if ((await state?.get(space, kind)) !== undefined) {
      say('info', `settings.on_error has run for ${error.code} already within ${interval}, and does not run again`);
      return;
    }
    await state?.set(space, kind, run.id, { ttlMs: durationMs(interval) });
    const unit = { names: { error: record }, input: errorRows(record), signal };
    try {
      if (typeof then === 'string') await runPipe(then, record, owner(), frame.shared, unit, { offered: true });
      else await runUnit(plan.onError!, 'on_error', owner(), frame.shared, unit);
    } catch (thrown) {
      await state?.remove(space, kind);
      const { code, message } = asFailure(thrown);
      say('warn', `settings.on_error failed itself: ${code} ${message}`);
    }
  } catch (thrown) {
    say('warn', `settings.on_error did not run: ${asFailure(thrown).message}`);
  } finally {
    await frame.close();
  }
}

/** Stands for the settings where a task is expected. */
function owner(): TaskState {
  const planned = { index: -1, number: '0', op: 'on_error', id: 'on_error', label: 'settings.on_error' } as PlannedTask;
  const figures = noFigures();
  return { planned, task: planned, opens: 'on_error', figures, status: 'running', startedMs: Date.now(), result: null };
}
