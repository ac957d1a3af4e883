// Runs the tests of a definition: each a run of its own, which opens nothing that is outside.
import { dirname, resolve } from 'node:path';
import type { PipeTest } from '../../schemas/generated/types.ts';
import { createPlayer } from '../cassettes/replay.ts';
import { createCodecs } from '../codecs.ts';
import type { RowStream } from '../contracts/data.ts';
import type { FormatChoice } from '../contracts/task.ts';
import type { DefinitionSource, Definitions } from '../definitions.ts';
import { asFailure, type Failure, failure } from '../errors.ts';
import type { Services } from '../opening.ts';
import type { Plan } from '../plan.ts';
import { createRedactor } from '../redact.ts';
import { startRun } from '../run.ts';
import { createMemoryState } from '../state/memory.ts';
import type { Surroundings } from '../surroundings.ts';
import { createDataReader } from './data.ts';
import { entryFor } from './names.ts';
import { compareOutputs, type Output } from './outputs.ts';
import type { Problem, TestOptions, TestReport, TestResult } from './report.ts';
import { collectRows } from './rows.ts';
import { createStandIns, noSecret } from './stand-ins.ts';

/** A test that has not ended by then hangs. */
const longestMs = 120_000;

/** Throws what is wrong with the definition itself. */
export async function testPipe(
  surroundings: Surroundings,
  definitions: Definitions,
  source: DefinitionSource,
  { filter = '', signal }: TestOptions,
): Promise<TestReport> {
  const { definition, locate } = await definitions.tests(source);
  const name = definition.name ?? (typeof source === 'string' ? source : 'pipe');
  const folder = typeof source === 'string' ? dirname(resolve(source)) : surroundings.folder;
  const results: TestResult[] = [];
  for (const [i, test] of (definition.tests ?? []).entries()) {
    if (!test.name.toLowerCase().includes(filter.toLowerCase())) continue;
    signal?.throwIfAborted();
    const late = AbortSignal.timeout(longestMs);
    const stop = signal === undefined ? late : AbortSignal.any([late, signal]);
    const started = performance.now();
    const found = await runTest({ surroundings, definitions, source, folder, test, signal: stop });
    if (signal?.aborted) throw failure('INTERRUPTED');
    results.push({
      name: test.name,
      place: locate(`/tests/${i}`),
      status: found.problems.length === 0 ? 'passed' : 'failed',
      seconds: (performance.now() - started) / 1000,
      ...found,
    });
  }
  return { pipe: name, tests: results };
}

interface Running {
  surroundings: Surroundings;
  definitions: Definitions;
  source: DefinitionSource;
  folder: string;
  test: PipeTest;
  signal: AbortSignal;
}

async function runTest(running: Running): Promise<Pick<TestResult, 'problems' | 'notes'>> {
  const { surroundings, definitions, source, folder, test, signal } = running;
  const { parts } = surroundings;
  const codecs = createCodecs(parts.formats, signal);
  const data = createDataReader(folder, parts.formats, codecs);
  const redactor = createRedactor();
  redactor.add(noSecret);
  const redact = (text: string) => redactor.redact(surroundings.redactor.redact(text));
  const player = test.cassettes === undefined ? undefined : createPlayer(resolve(folder, test.cassettes), redact);
  const outputs: Output[] = [];
  const services: Services = {
    redactor: createRedactor(),
    credential: async () => ({}),
    renew: async (_, stale) => stale,
    secret: async () => noSecret,
    save: async () => {},
    used: async () => {},
    standIns: createStandIns({ test, parts, data, player, outputs }),
    ...(player === undefined ? {} : { wire: player.wire }),
  };

  let error: Failure | undefined;
  let place: string | undefined;
  try {
    const params = { params: test.params ?? {} };
    const { plan: planned } = await definitions.plan(source, { ...params, unread: true });
    const plan = test.now === undefined ? planned : startedAt(planned, test.now);
    const std = standardStreams(plan, { test, data, outputs });
    const state = createMemoryState();
    const run = startRun(plan, parts, services, { signal, ...std }, { open: async () => state });
    const ended = await run.result;
    error = ended.error;
    place = ended.report.error?.place;
  } catch (thrown) {
    error = asFailure(thrown);
    if (error.code === 'BUG') throw thrown;
  }

  const problems: Problem[] = [];
  if (error?.code !== test.error) problems.push(endProblem(test.error, error, place));
  const notes: string[] = [];
  if (error === undefined || problems.length === 0) {
    const compared = await compareOutputs(test.expect ?? {}, { outputs, data, codecs, formats: parts.formats, signal });
    problems.push(...compared.problems);
    for (const { shown } of compared.unlooked)
      notes.push(`what was written to ${shown} was not looked at; \`expect\` does not name it`);
  }
  for (const { file, request } of player?.unused() ?? []) notes.push(`${file}: ${request} was not asked for`);
  return { problems, notes };
}

function endProblem(expected: string | undefined, error: Failure | undefined, place: string | undefined): Problem {
  const at = place === undefined ? '' : `${place} `;
  if (error === undefined)
    return { kind: 'error', expected: expected!, message: `the run is done, and should end with ${expected}` };
  const rather = expected === undefined ? '' : `; it should end with ${expected}`;
  return {
    kind: 'error',
    ...(expected === undefined ? {} : { expected }),
    code: error.code,
    message: `${at}${error.code} ${error.message}${rather}`,
  };
}

function startedAt(plan: Plan, now: string): Plan {
  const started = new Date(now).toISOString();
  return { ...plan, started, params: plan.paramsAt(started) };
}

/** Stdin and stdout, and rows that no task takes: they count as the output of the last task. */
function standardStreams(
  { tasks }: Plan,
  { test, data, outputs }: { test: PipeTest; data: ReturnType<typeof createDataReader>; outputs: Output[] },
) {
  const at = (op: string) => tasks.find(({ op: each, definition }) => each === op && definition.path === '-');
  const formatOf = (op: string) => at(op)?.definition.format as FormatChoice | undefined;
  let out: Output | undefined;
  return {
    stdout: async (chunk: Uint8Array) => {
      if (out === undefined) {
        out = { names: ['-', at('write')?.id ?? '-'], shown: '-', format: formatOf('write'), bytes: new Uint8Array() };
        outputs.push(out);
      }
      out.bytes = Buffer.concat([out.bytes!, chunk]);
    },
    async *stdin() {
      const input = entryFor(test.inputs ?? {}, ['-', at('read')?.id ?? '-']);
      if (input === undefined) {
        const advice = 'add it under `inputs` as "-"';
        throw failure('TEST_INPUT_MISSING', { where: 'reading -', what: 'stdin', advice });
      }
      yield* (await data.file(input.data, '-', formatOf('read'))).open();
    },
    take: async (rows: RowStream) => {
      const last = tasks.at(-1)!.id;
      outputs.push({ names: [last], shown: last, aside: true, rows: await collectRows(rows) });
    },
  };
}
