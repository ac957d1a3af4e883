// Rows in a temporary file of this run, without loss and in their order.
import { appendFile, open } from 'node:fs/promises';
import { deserialize, serialize } from 'node:v8';
import type { Batch, Row } from '../engine/contracts/data.ts';
import { failure } from '../engine/errors.ts';

const lengthBytes = 4;

/** Adds a batch: its length in bytes, and the rows as V8 writes them. */
export async function appendRows(path: string, rows: readonly Row[]): Promise<void> {
  const body = serialize(rows);
  const length = Buffer.alloc(lengthBytes);
  length.writeUInt32LE(body.length);
  await appendFile(path, Buffer.concat([length, body]));
}

/** The batches as they were added. */
export async function* spooledRows(path: string): AsyncGenerator<Batch> {
  const handle = await open(path, 'r');
  const next = async (bytes: number): Promise<Buffer | undefined> => {
    const buffer = Buffer.allocUnsafeSlow(bytes);
    let had = 0;
    while (had < bytes) {
      const { bytesRead } = await handle.read(buffer, had, bytes - had);
      if (bytesRead === 0) break;
      had += bytesRead;
    }
    if (had === 0) return undefined;
    if (had < bytes) throw failure('INPUT_TRUNCATED', { path, reason: 'a temporary file of this run was cut' });
    return buffer;
  };
  try {
    for (let length = await next(lengthBytes); length !== undefined; length = await next(lengthBytes)) {
      const body = await next(length.readUInt32LE());
      if (body === undefined)
        throw failure('INPUT_TRUNCATED', { path, reason: 'a temporary file of this run was cut' });
      yield { rows: deserialize(body) as Row[] };
    }
  } finally {
    await handle.close();
  }
}
