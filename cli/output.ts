// Everything the command writes to a screen or a log passes here, and loses the secrets that are known by then.
import type { Redactor } from '../engine/redact.ts';

const plain = { stdout: process.stdout.write.bind(process.stdout), stderr: process.stderr.write.bind(process.stderr) };
let redactor: Redactor | undefined;

/** From now on nothing reaches stdout or stderr but through the redactor, whoever writes it; only `writeData` goes around it. */
export function guardOutput(): void {
  for (const name of ['stdout', 'stderr'] as const) {
    const write = plain[name] as (chunk: unknown, ...rest: unknown[]) => boolean;
    process[name].write = (chunk: unknown, ...rest: unknown[]) => write(clean(chunk), ...rest);
  }
  // Node itself writes these past the streams.
  process.removeAllListeners('warning');
  process.on('warning', ({ name, message }) => process.stderr.write(`${name}: ${message}\n`));
  const crash = async (error: unknown) => {
    const { printFailure } = await import('./print.ts');
    process.exit(printFailure(error));
  };
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);
}

/** The redactor that learns the secrets of the engine in use. */
export async function outputRedactor(): Promise<Redactor> {
  redactor ??= (await import('../engine/redact.ts')).createRedactor();
  return redactor;
}

/** What the user asked to be given: data, as it is. Waits for its reader; rejects when that has gone. */
export function writeData(chunk: Uint8Array | string): Promise<void> {
  return new Promise((resolve, reject) => {
    plain.stdout(chunk, (error) => (error == null ? resolve() : reject(error)));
  });
}

function clean(chunk: unknown): unknown {
  if (redactor === undefined) return chunk;
  if (typeof chunk === 'string') return redactor.redact(chunk);
  if (!(chunk instanceof Uint8Array)) return chunk;
  const filter = redactor.byteFilter();
  return Buffer.concat([filter.push(chunk), filter.end()]);
}
