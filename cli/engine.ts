// The engine as the command uses it: it asks at the terminal, and what it learns is kept out of all output.
import { createEngine, type Engine, type EngineOptions } from '../index.ts';
import { outputRedactor } from './output.ts';
import { painter } from './print.ts';

/** Close it when done. */
export async function openEngine(options: EngineOptions = {}): Promise<Engine> {
  return createEngine({
    redactor: await outputRedactor(),
    state: 'user',
    ...(canAsk()
      ? { askPassphrase: async (question, o) => (await import('./prompts.ts')).askPassphrase(question, o) }
      : {}),
    ...options,
  });
}

/** For what keeps secrets: the user should know where they go. */
export const tellingWhere: EngineOptions = {
  notice: (text) => void process.stderr.write(`${painter(process.stderr)('dim', 'note')} ${text}\n`),
};

/** Whether someone is there to answer. */
export function canAsk(): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true;
}

/** Does the work with an engine, and closes it; failures are printed. Gives the exit code. */
export async function withEngine(
  work: (engine: Engine, signal: AbortSignal) => Promise<number>,
  options: EngineOptions = {},
): Promise<number> {
  const { printFailure } = await import('./print.ts');
  const stop = new AbortController();
  const interrupt = () => stop.abort();
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const engine = await openEngine(options);
  try {
    return await work(engine, stop.signal);
  } catch (error) {
    return printFailure(error);
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
    await engine.close();
  }
}
