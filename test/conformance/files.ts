// What the storage tests share: contexts, files to write, bytes read back.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { contentTypeOf } from '../../connectors/shared/content-type.ts';
import type { AnyConnection, ConnectorContext, WriteOptions } from '../../engine/contracts/connector.ts';
import type { Credential } from '../../engine/contracts/credentials.ts';
import type { FileItem, FileStream, Range } from '../../engine/contracts/data.ts';
import { withRetry } from '../../engine/retry.ts';
import { credentialOf } from '../../engine/secret.ts';
import { collect } from './streams.ts';

export const never = new AbortController().signal;

/** A context as the engine gives it, that waits a millisecond before it tries again. */
export function connectorContext(
  name: string,
  {
    credential = {},
    onRetry = () => {},
  }: { credential?: Credential | (() => Credential); onRetry?: (code: string) => void } = {},
): ConnectorContext {
  return {
    name,
    credential: async () => (typeof credential === 'function' ? credential() : credential),
    renewCredential: async (stale, renew) => ({ ...stale, ...credentialOf(await renew(stale)) }),
    retry: (work, { signal }) =>
      withRetry(work, { signal, firstWaitMs: 1, onRetry: ({ error }) => onRetry(error.code) }),
    log: { debug() {}, info() {}, warn() {} },
  };
}

export function fileOf(
  name: string,
  content: string | Uint8Array | AsyncIterable<Uint8Array>,
  more: Partial<FileItem> = {},
): FileItem {
  return {
    name,
    path: name,
    contentType: contentTypeOf(name),
    async *open() {
      if (typeof content === 'string') yield Buffer.from(content);
      else if (content instanceof Uint8Array) yield content;
      else yield* content;
    },
    ...more,
  };
}

export function streamOf(...items: FileItem[]): FileStream {
  return {
    kind: 'files',
    files: (async function* () {
      yield* items;
    })(),
  };
}

export function writeOptions(more: Partial<WriteOptions> = {}): WriteOptions {
  return { signal: never, mode: 'default', beforeCommit: async () => {}, ...more };
}

export function put(
  connection: AnyConnection,
  path: string,
  content: string | Uint8Array,
  more: Partial<WriteOptions> = {},
) {
  return connection.write!(path, streamOf(fileOf(path.split('/').at(-1)!, content)), writeOptions(more));
}

export async function itemAt(connection: AnyConnection, path: string, signal = never): Promise<FileItem> {
  const stream = await connection.read!(path, { signal });
  if (stream.kind !== 'files') throw new Error('a storage gave rows');
  const [item] = await collect(stream.files);
  return item!;
}

export async function get(connection: AnyConnection, path: string, range?: Range): Promise<Buffer> {
  return Buffer.concat(await collect((await itemAt(connection, path)).open(range)));
}

export async function text(connection: AnyConnection, path: string): Promise<string> {
  return (await get(connection, path)).toString();
}

/** Bytes that differ from place to place, the same on every run. */
export function pattern(bytes: number, seed = 1): Buffer {
  const buffer = Buffer.allocUnsafe(bytes);
  let state = seed >>> 0 || 1;
  for (let i = 0; i < bytes; i++) {
    // Xorshift, Marsaglia 2003.
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    buffer[i] = state;
  }
  return buffer;
}

/** Bytes outside the heap that are still in use. */
export function bytesInUse(): number {
  setFlagsFromString('--expose-gc');
  const sweep = runInNewContext('gc') as () => void;
  // Buffers are freed in the background; a second collection waits for the first one's.
  sweep();
  sweep();
  return process.memoryUsage().arrayBuffers;
}

/** The name of a temporary file of a process of this machine that has ended, or of one that has not. */
export function temporaryOf(target: string, writer: 'dead' | 'alive'): string {
  const machine = createHash('sha256').update(hostname()).digest('hex').slice(0, 4);
  const pid = writer === 'alive' ? process.ppid : spawnSync(process.execPath, ['--version']).pid;
  return `.${target}.${machine}${pid.toString(36)}-0123456789ab.tmp`;
}
