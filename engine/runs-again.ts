// Runs of the history once more: gone on with where they broke, or done anew.
import { existsSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import type { Pipe } from '../schemas/generated/types.ts';
import type { Value } from './contracts/data.ts';
import type { RunRecord, StateStore } from './contracts/state.ts';
import { type DefinitionSource, type Definitions, type RecordedSource, recorded } from './definitions.ts';
import type { Prepared } from './engine.ts';
import { failure } from './errors.ts';
import type { Plan, PlannedList } from './plan.ts';
import type { Redactor } from './redact.ts';
import { changedTask, placeText, type Resume, restingPlace } from './resume.ts';
import type { RunOptions } from './run.ts';
import { shownPath } from './shown-path.ts';

export interface AgainOptions {
  /** Values for the pipe's params, over those of the record; secret ones are not in it. */
  params?: Readonly<Record<string, unknown>>;
  texts?: Readonly<Record<string, string>>;
}

export interface RetryOptions extends AgainOptions {
  /** From the beginning, with the file as it is now; what a run that did not end left is forgotten. */
  restart?: boolean;
}

export interface ReplayOptions extends AgainOptions {
  /** The file as it is now, in place of the definition that was recorded. */
  current?: boolean;
}

interface Around {
  definitions: Definitions;
  redactor: Redactor;
  state: StateStore;
}

export type Prepare<O> = (record: RunRecord, o: O, around: Around) => Promise<Prepared>;

/** Refuses what has not broken, and what has changed in a part that is done. */
export async function prepareRetry(record: RunRecord, o: RetryOptions, around: Around): Promise<Prepared> {
  const { id, status } = record;
  if (status === 'done' || status === 'running' || status === 'skipped') {
    const words = { done: 'has ended well', running: 'is still going on', skipped: 'was never begun' };
    const hint = status === 'done' ? `; \`pipe runs replay ${id}\` does it anew` : '';
    throw failure('RUN_NOT_BROKEN', { id, status: words[status], hint });
  }
  const source = currentOf(record) ?? recordedOf(record);
  if (o.restart === true) {
    const found = await planned(record, source, o, around);
    return { ...found, options: { restart: true, trigger: `restart of ${id}` } };
  }
  const first = await originOf(record, around.state);
  const found = await planned(record, source, o, around, first.started);
  const { stage, done } = restingPlace(found.plan, await around.state.events(id), id);
  const before = around.redactor.redactValue(found.definition);
  if (stage > 0 && !isDeepStrictEqual(before, record.definition)) {
    const what = await changeOf(record, found.plan, stage, around);
    const file = record.file === undefined ? 'the definition' : shownPath(record.file);
    if (what !== undefined) throw failure('RUN_CHANGED', { file, id, what });
  }
  const resume: Resume = { run: first.id, from: id, stage, done };
  return { ...found, options: { resume, trigger: `retry of ${id}` } };
}

/** Anew, as it was: its definition, its params. */
export async function prepareReplay(record: RunRecord, o: ReplayOptions, around: Around): Promise<Prepared> {
  const { id, file } = record;
  const options: RunOptions = { trigger: `replay of ${id}` };
  if (o.current !== true) return { ...(await planned(record, recordedOf(record), o, around)), options };
  const current = currentOf(record);
  if (current === undefined) {
    if (file !== undefined) throw failure('FILE_NOT_FOUND', { path: shownPath(file), hint: '' });
    throw failure('OPTION_UNSUPPORTED', { what: '--current', where: `${id}, whose definition came from no file` });
  }
  return { ...(await planned(record, current, o, around)), options };
}

/** Where a retry of the newest run of a pipe would go on; undefined where there is nothing to go on with. */
export async function resumption(plan: Plan, state: StateStore): Promise<{ run: string; text: string } | undefined> {
  const [last] = await state.runs({ pipe: plan.name, limit: 1 });
  if (last === undefined || !['failed', 'died', 'interrupted'].includes(last.status)) return undefined;
  const { stage } = restingPlace(plan, await state.events(last.id), last.id);
  const how = last.status === 'interrupted' ? 'was interrupted' : last.status;
  return { run: last.id, text: `${last.id} ${how}; \`pipe runs retry ${last.id}\` ${placeText(plan, stage)}` };
}

function currentOf({ file }: RunRecord): DefinitionSource | undefined {
  return file !== undefined && existsSync(file) ? file : undefined;
}

function recordedOf({ id, pipe, file, definition }: RunRecord): RecordedSource {
  // What has no name of its own goes by that of its file.
  const named = { name: pipe, ...(definition as Record<string, Value>) };
  return { [recorded]: named, run: id, ...(file === undefined ? {} : { file }) };
}

const mask = '[secret]';

async function planned(
  record: RunRecord,
  source: DefinitionSource | RecordedSource,
  { params = {}, texts = {} }: AgainOptions,
  { definitions }: Around,
  started?: string,
): Promise<Prepared> {
  const { id, file } = record;
  const isRecorded = typeof source === 'object' && recorded in source;
  if (isRecorded && JSON.stringify(record.definition).includes(mask)) {
    const hint = file === undefined ? '; run it from its source' : '; --current takes the file as it is now';
    throw failure('RUN_SECRETS_HIDDEN', { id, hint });
  }
  const declared = (await definitions.tests(source)).definition.params ?? {};
  refuseMissing(id, declared, { ...params, ...texts });
  // Those that a changed file does not have any more are nobody's.
  const kept = Object.entries(record.params).filter(([name]) => Object.hasOwn(declared, name) && !(name in texts));
  const values = { ...Object.fromEntries(kept), ...params };
  const options = { params: values, texts, ...(started === undefined ? {} : { started }) };
  return { ...(await definitions.plan(source, options)), ...(file === undefined ? {} : { file }) };
}

/** Secret params are in no record. */
function refuseMissing(
  id: string,
  declared: NonNullable<Pipe['params']>,
  given: Readonly<Record<string, unknown>>,
): void {
  const missing = Object.entries(declared)
    .filter(([name, { secret, default: value, required }]) => {
      return secret === true && value === undefined && required !== false && !Object.hasOwn(given, name);
    })
    .map(([name]) => name);
  if (missing.length === 0) return;
  const options = missing.map((name) => `-p ${name}=…`).join(' ');
  throw failure('RUN_SECRETS_NEEDED', { id, names: missing.join(', '), options });
}

/** The run that began, where others went on with it. */
async function originOf(record: RunRecord, state: StateStore): Promise<RunRecord> {
  let at = record;
  for (let depth = 0; depth < 1000; depth++) {
    const before = /^retry of (\S+)$/.exec(at.trigger)?.[1];
    const found = before === undefined ? undefined : await state.run(before);
    if (found === undefined) return at;
    at = found;
  }
  return at;
}

/** What is another now in the tasks that are done, in words. */
async function changeOf(
  record: RunRecord,
  now: Plan,
  stage: number,
  { definitions, redactor }: Around,
): Promise<string | undefined> {
  const plain = ({ tasks, ...rest }: PlannedList): PlannedList => ({
    ...rest,
    tasks: tasks.map((task) => ({ ...task, definition: redactor.redactValue(task.definition) })),
  });
  try {
    const { params } = now;
    const { plan } = await definitions.plan(recordedOf(record), { params });
    return changedTask(plain(plan), plain(now), stage);
  } catch {
    return 'the definition as it was cannot be run any more';
  }
}
