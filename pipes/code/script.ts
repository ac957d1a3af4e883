// A script in a sandbox: QuickJS in WebAssembly, without network, files and timers, with limits of memory and time.
import {
  newQuickJSWASMModuleFromVariant,
  newVariant,
  type QuickJSContext,
  type QuickJSHandle,
  type QuickJSRuntime,
  type QuickJSSyncVariant,
} from 'quickjs-emscripten-core';
import { byteSize } from '../../engine/byte-size.ts';
import type { Batch, Column, Row, RowStream } from '../../engine/contracts/data.ts';
import { durationMs } from '../../engine/duration.ts';
import { Failure, failure } from '../../engine/errors.ts';
import { decodeRows, encodeRows } from './border.ts';
import { inside } from './inside.ts';
import { type Origin, rowChecker } from './results.ts';

export interface Script {
  script: string;
  per: 'row' | 'batch';
  params: Readonly<Record<string, unknown>>;
  columns: readonly Column[] | undefined;
  limits: { memory: number | string; timeLimit: string };
  /** `task 2 (code)`. */
  where: string;
  signal: AbortSignal;
}

/** Deep recursion ends as an error of the script, long before the stack of Node itself is full. */
const stackBytes = 128 * 1024;

// What is used of the global WebAssembly, whose types come with a browser's.
interface WebAssemblyApi {
  Memory: new (size: { initial: number; maximum: number }) => object;
}

const pageBytes = 64 * 1024;
/** 16 MiB, which the machine begins with, and 2 GiB, which is all that it can have. */
const leastPages = 256;
const mostPages = 32_768;

function pagesOf(memory: number | string): number {
  return Math.min(mostPages, Math.max(leastPages, Math.ceil(byteSize(memory) / pageBytes)));
}

export async function* runScript({ batches, offset = 0 }: RowStream, script: Script): AsyncGenerator<Batch> {
  const origin: Origin = { where: script.where, code: 'the script' };
  const check = script.columns && rowChecker(origin, script.columns);
  let sandbox: Sandbox | undefined;
  let before = offset;
  for await (const batch of batches) {
    const count = batch.rows.length;
    if (count === 0) {
      yield batch;
      continue;
    }
    script.signal.throwIfAborted();
    sandbox ??= await openSandbox(script, origin);
    const rows = sandbox.run(batch.rows, before);
    if (check !== undefined) for (const row of rows) check(row, ` for records ${before + 1} to ${before + count}`);
    before += count;
    if (rows.length > 0 || batch.checkpoint !== undefined) yield { ...batch, rows };
  }
}

interface Sandbox {
  /** `before`: how many records came before the first one. */
  run(rows: readonly Row[], before: number): Row[];
}

/**
 * Each has a machine of its own: what it takes goes with it, also where a limit has left it in pieces, so that nothing
 * is ever taken down.
 */
async function openSandbox(script: Script, origin: Origin): Promise<Sandbox> {
  const { per, limits } = script;
  // The limit is that of the machine's whole memory: QuickJS compiled to WebAssembly does not count what it takes.
  const { Memory } = (globalThis as unknown as { WebAssembly: WebAssemblyApi }).WebAssembly;
  const wasmMemory = new Memory({ initial: leastPages, maximum: pagesOf(limits.memory) });
  const { default: release } = await import('@jitl/quickjs-wasmfile-release-sync');
  const variant = newVariant(release as unknown as QuickJSSyncVariant, { wasmMemory });
  const machine = await newQuickJSWASMModuleFromVariant(variant);
  const runtime: QuickJSRuntime = machine.newRuntime();
  const timeMs = durationMs(limits.timeLimit);
  runtime.setMaxStackSize(stackBytes);
  let until = 0;
  let late = false;
  runtime.setInterruptHandler(() => {
    late ||= performance.now() > until;
    return late;
  });
  const context = runtime.newContext();

  /** `record`: what it was at, asked only where it went wrong. */
  const guarded = (
    work: () => ReturnType<QuickJSContext['evalCode']>,
    record: () => { at: number; text: string },
  ): QuickJSHandle => {
    until = performance.now() + timeMs;
    let failed: unknown;
    try {
      const result = work();
      if (result.error === undefined) return result.value;
      failed = late ? undefined : context.dump(result.error);
    } catch (error) {
      // The machine itself is at its end: its stack, its memory.
      failed = error;
    }
    const told = () => {
      try {
        return record().text;
      } catch {
        return '';
      }
    };
    throw scriptFailure(failed, { late, limits, origin, record: told() });
  };
  const nowhere = () => ({ at: 0, text: '' });
  const names = per === 'batch' ? 'records, params' : 'record, params';
  const user = guarded(() => context.evalCode(`(function (${names}) {\n${script.script}\n})`, 'script'), nowhere);
  const make = guarded(() => context.evalCode(inside, 'sandbox'), nowhere);
  const whole = per === 'batch' ? context.true : context.false;
  const inner = guarded(() => context.callFunction(make, context.undefined, user, whole), nowhere);
  const run = context.getProp(inner, 'run');
  const take = context.getProp(inner, 'take');
  const given = context.newString(encodeRows([script.params as Row]));
  guarded(() => context.callFunction(take, context.undefined, given), nowhere).dispose();
  given.dispose();

  return {
    run(rows, before) {
      const record = () => {
        const handle = context.getProp(inner, 'at');
        const at = context.getNumber(handle);
        handle.dispose();
        const many = `${before + 1} to ${before + rows.length}`;
        return { at, text: per === 'batch' ? ` on records ${many}` : ` on record ${before + at + 1}` };
      };
      let text: QuickJSHandle;
      try {
        text = context.newString(encodeRows(rows));
      } catch (error) {
        throw scriptFailure(error, { late, limits, origin, record: '' });
      }
      const result = guarded(() => context.callFunction(run, context.undefined, text), record);
      text.dispose();
      const out = decoded(context.getString(result));
      result.dispose();
      if (out !== undefined) return out;
      const reason = 'it has changed built-in objects that its results are made with';
      throw failure('CODE_FAILED', { ...origin, record: '', reason });
    },
  };
}

function decoded(text: string): Row[] | undefined {
  try {
    return decodeRows(text);
  } catch {
    return undefined;
  }
}

interface Circumstances {
  late: boolean;
  limits: Script['limits'];
  origin: Origin;
  record: string;
}

function scriptFailure(thrown: unknown, { late, limits, origin, record }: Circumstances): Failure {
  if (thrown instanceof Failure) return thrown;
  if (late) {
    const hint = 'look for a loop that does not end, or say more with `time_limit`';
    return failure('CODE_LIMIT', { ...origin, record, what: `more than ${limits.timeLimit} for one batch`, hint });
  }
  const { name, message, stack, found, expected } = Object(thrown) as Record<string, unknown>;
  if (thrown === null || /out of memory|memory access out of bounds|Cannot enlarge memory/i.test(String(message))) {
    const hint = 'keep less at a time, or say more with `memory`';
    return failure('CODE_LIMIT', { ...origin, record, what: `more than ${limits.memory} of memory`, hint });
  }
  if (typeof found === 'string' && typeof expected === 'string')
    return failure('CODE_RESULT', { ...origin, record: record.replace(' on ', ' for '), found, expected });
  if (/stack overflow|call stack/i.test(String(message)))
    return failure('CODE_FAILED', { ...origin, record, reason: 'its calls are nested too deep (stack overflow)' });
  const place = /\bscript:(\d+)(?::(\d+))?/.exec(String(stack ?? ''));
  // The first line is ours.
  const at = place === null ? '' : ` (line ${Number(place[1]) - 1}${place[2] === undefined ? '' : `:${place[2]}`})`;
  const said =
    typeof message === 'string' ? message : `it threw ${JSON.stringify(thrown) ?? String(thrown)} and no Error`;
  const named = typeof name === 'string' && name !== 'Error' ? `${name}: ` : '';
  return failure('CODE_FAILED', { ...origin, record, reason: `${named}${said}${at}` });
}
