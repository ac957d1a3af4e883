// COPY TO STDOUT: the bytes of the copied rows, taken out of the server's messages in large pieces.
// https://www.postgresql.org/docs/current/protocol-message-formats.html
import type { Socket } from 'node:net';
import type { ClientBase } from 'pg';

/** The socket rests while so many bytes wait. */
const mostBytes = 512 * 1024;

const [copyData, copyDone, errorResponse] = [0x64, 0x63, 0x45];

interface Driver {
  stream: Socket;
  query(text: string): void;
}

interface CopyOut {
  chunks: AsyncGenerator<Uint8Array>;
  /** Once the chunks have ended. */
  rows(): number;
}

/** The statement is sent at once. Who leaves before the end leaves the session in the middle of it. */
export function openCopyOut(client: ClientBase, statement: string): CopyOut {
  const ready: Uint8Array[] = [];
  const messages = messageReader();
  let bytes = 0;
  let rows = 0;
  let ended: { error?: Error } | undefined;
  let wake = () => {};
  let stream: Socket | undefined;
  let driversOwn: ((chunk: Buffer) => void) | undefined;

  const onData = (chunk: Buffer) => {
    const { data, rest } = messages(chunk);
    if (data.length > 0) {
      ready.push(data);
      bytes += data.length;
    }
    if (rest !== undefined) giveBack(rest);
    else if (bytes >= mostBytes) stream!.pause();
    wake();
  };
  /** The driver reads what follows the rows. */
  const giveBack = (rest: Buffer) => {
    const own = driversOwn!;
    driversOwn = undefined;
    stream!.removeListener('data', onData);
    stream!.on('data', own);
    if (rest.length > 0) own(rest);
  };
  const end = (error?: Error) => {
    ended ??= error === undefined ? {} : { error };
    wake();
  };

  // What the driver calls of a query; it knows of no COPY of its own.
  const query = {
    submit(connection: Driver) {
      stream = connection.stream;
      driversOwn = stream.listeners('data')[0] as (chunk: Buffer) => void;
      stream.removeListener('data', driversOwn);
      stream.on('data', onData);
      connection.query(statement);
    },
    handleError(error: Error) {
      if (driversOwn !== undefined) giveBack(Buffer.alloc(0));
      end(error);
    },
    handleCommandComplete({ text }: { text: string }) {
      rows = Number(/^COPY (\d+)/.exec(text)?.[1] ?? 0);
    },
    handleReadyForQuery: () => end(),
  };
  client.query(query as never);

  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (;;) {
      if (ready.length > 0) {
        const chunk = ready.shift()!;
        bytes -= chunk.length;
        if (bytes < mostBytes && stream?.isPaused()) stream.resume();
        yield chunk;
      } else if (ended !== undefined) {
        if (ended.error !== undefined) throw ended.error;
        return;
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  }
  return { chunks: chunks(), rows: () => rows };
}

/** For each chunk of the socket: the rows in it, moved together in place, and what follows the last one once it has come. */
function messageReader(): (chunk: Buffer) => { data: Uint8Array; rest: Buffer | undefined } {
  let header = Buffer.alloc(0);
  // What is still to come of a message, and whether it is of rows.
  let left = 0;
  let ofRows = false;

  return (chunk) => {
    let from = 0;
    let to = 0;
    if (header.length > 0) {
      chunk = Buffer.concat([header, chunk]);
      header = Buffer.alloc(0);
    }
    for (;;) {
      const length = Math.min(left, chunk.length - from);
      if (length > 0 && ofRows) {
        if (to !== from) chunk.copyWithin(to, from, from + length);
        to += length;
      }
      from += length;
      left -= length;
      if (left > 0) break;
      if (from + 5 > chunk.length) {
        // A copy, because what waits to be read is in the same bytes.
        if (from < chunk.length) header = Buffer.from(chunk.subarray(from));
        break;
      }
      const code = chunk[from]!;
      if (code === errorResponse) return { data: chunk.subarray(0, to), rest: chunk.subarray(from) };
      left = chunk.readUInt32BE(from + 1) - 4;
      ofRows = code === copyData;
      from += 5;
      if (code === copyDone) return { data: chunk.subarray(0, to), rest: chunk.subarray(from) };
    }
    return { data: chunk.subarray(0, to), rest: undefined };
  };
}
