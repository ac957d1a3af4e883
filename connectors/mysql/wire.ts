// The text protocol on a session that the driver has logged in: one statement at a time, rows as whole packets, and the
// bytes of LOAD DATA LOCAL. https://dev.mysql.com/doc/dev/mysql-server/latest/PAGE_PROTOCOL.html
import type { Socket } from 'node:net';
import { type Done, doneOf, endsWithMore, errorOf, type Field, fieldOf, isEnd, textsOf } from './packets.ts';

/** What is used of the driver's connection besides its public face. */
export interface DriverConnection {
  stream: Socket;
  packetParser: { execute(chunk: Buffer): unknown };
  threadId: number;
  _mariadbExtendedMetadata: boolean;
  _closing?: boolean;
  on(event: 'error' | 'connect', listener: (error: Error) => void): void;
  startTLS(done: (error?: Error) => void): void;
}

export interface Result {
  fields: Field[];
  /** Whole row packets, each with its header of four bytes. Ended early, the session cannot be used again. */
  blocks: AsyncGenerator<Buffer>;
}

export interface Wire {
  readonly thread: number;
  /** A statement, and all rows that it gives. */
  query(statement: string): Promise<Done & { rows: (string | null)[][] }>;
  /** A statement that gives rows. */
  open(statement: string): Promise<Result>;
  /** What a statement would give and how many parameters it takes, without running it. */
  prepare(statement: string): Promise<{ fields: Field[]; parameters: number }>;
  /** A LOAD DATA LOCAL with the bytes of its file. When the source fails, the server ends the file there. */
  load(statement: string, chunks: AsyncIterable<Uint8Array>): Promise<Done>;
  /** Whether another statement can be sent. */
  usable(): boolean;
  /** Says goodbye, and resolves when the socket is closed. */
  end(): Promise<void>;
  destroy(): void;
}

const blockBytes = 128 * 1024;
const waitingBytes = 256 * 1024;
const pieceBytes = 256 * 1024;
const largest = 0xff_ffff;

/** Takes the session over from the driver, which is done with it once it is logged in. */
export function createWire(connection: DriverConnection): Wire {
  const { stream } = connection;
  const extended = connection._mariadbExtendedMetadata;
  const waiting: Buffer[] = [];
  let waitingSize = 0;
  let held: Buffer = Buffer.alloc(0);
  let lost: Error | undefined;
  let busy = false;
  let wake = () => {};

  const fail = (error: Error) => {
    lost ??= error;
    wake();
  };
  const take = (chunk: Buffer) => {
    waiting.push(chunk);
    waitingSize += chunk.length;
    if (waitingSize > waitingBytes) stream.pause();
    wake();
  };
  // We are called from within the driver's parser, which after a packet that came in pieces goes back to a way of its own.
  Object.defineProperty(connection.packetParser, 'execute', { get: () => take, set() {} });
  connection.on('error', fail);
  stream.on('error', fail);
  stream.on('close', () => fail(Object.assign(new Error('the server closed it'), { code: 'ECONNRESET' })));
  stream.on('drain', () => wake());

  const woken = () =>
    new Promise<void>((resolve) => {
      wake = resolve;
    });

  const received = async (): Promise<Buffer> => {
    while (waiting.length === 0) {
      if (lost !== undefined) throw lost;
      await woken();
    }
    const chunk = waiting.shift()!;
    waitingSize -= chunk.length;
    if (waiting.length === 0 && stream.isPaused()) stream.resume();
    return chunk;
  };

  /** At least so many bytes in `held`, and what else is there already, up to a block. */
  const need = async (bytes: number) => {
    if (held.length >= bytes) return;
    const parts = [held];
    for (let size = held.length; size < bytes || (waiting.length > 0 && size < blockBytes); ) {
      const chunk = await received();
      parts.push(chunk);
      size += chunk.length;
    }
    held = parts.length === 2 && parts[0]!.length === 0 ? parts[1]! : Buffer.concat(parts);
  };

  /** The next packet without its header; one of 16 MiB and more comes in several. */
  const packet = async (): Promise<Buffer> => {
    const parts: Buffer[] = [];
    for (;;) {
      await need(4);
      const length = held.readUIntLE(0, 3);
      await need(4 + length);
      parts.push(held.subarray(4, 4 + length));
      held = held.subarray(4 + length);
      if (length < largest) return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
    }
  };

  const put = (sequence: number, payload: Uint8Array): boolean => {
    const header = Buffer.allocUnsafe(4);
    header.writeUIntLE(payload.length, 0, 3);
    header[3] = sequence & 255;
    stream.cork();
    stream.write(header);
    const free = stream.write(payload);
    stream.uncork();
    return free;
  };

  const send = async (statement: string, command = '\x03'): Promise<Buffer> => {
    if (lost !== undefined) throw lost;
    if (busy) throw new Error('a statement was sent while another was going on');
    busy = true;
    const text = Buffer.from(command + statement);
    for (let at = 0, sequence = 0; ; at += largest, sequence++) {
      const piece = text.subarray(at, at + largest);
      put(sequence, piece);
      if (piece.length < largest) break;
    }
    const first = await packet();
    if (first[0] === 0xff) {
      busy = false;
      throw errorOf(first);
    }
    return first;
  };

  const fieldsOf = async (first: Buffer): Promise<Field[]> => {
    const fields: Field[] = [];
    const count = first[0]! < 251 ? first[0]! : first.readUInt16LE(1);
    for (let i = 0; i < count; i++) fields.push(fieldOf(await packet(), extended));
    await packet();
    return fields;
  };

  /** What follows the first result of a procedure. Gives how many rows it says were changed. */
  const skipResults = async (more: boolean): Promise<number> => {
    let affected = 0;
    while (more) {
      let last = await packet();
      if (last[0] === 0) {
        const done = doneOf(last);
        affected += done.affected;
        more = done.more === true;
        continue;
      }
      if (last[0] !== 0xff) {
        await fieldsOf(last);
        do last = await packet();
        while (!isEnd(last, 0, last.length));
      }
      if (last[0] === 0xff) {
        busy = false;
        throw errorOf(last);
      }
      more = endsWithMore(last);
    }
    return affected;
  };

  /** The server asks for a file, and gets an empty one: only `load` sends any. */
  const refuseFile = async () => {
    put(2, Buffer.alloc(0));
    await packet();
    busy = false;
    throw Object.assign(new Error('it asks for a file of this machine'), { errno: 1148, sqlState: '42000' });
  };

  async function* blocks(): AsyncGenerator<Buffer> {
    for (;;) {
      await need(4);
      let at = 0;
      let ended: Buffer | undefined;
      while (held.length - at >= 4) {
        const length = held[at]! | (held[at + 1]! << 8) | (held[at + 2]! << 16);
        if (length === largest || held.length - at - 4 < length) break;
        if (isEnd(held, at + 4, length)) {
          ended = held.subarray(at + 4, at + 4 + length);
          break;
        }
        at += 4 + length;
      }
      if (at > 0) {
        const block = held.subarray(0, at);
        held = held.subarray(at);
        yield block;
      }
      if (ended !== undefined) {
        held = held.subarray(4 + ended.length);
        if (ended[0] !== 0xff) await skipResults(endsWithMore(ended));
        busy = false;
        if (ended[0] === 0xff) throw errorOf(ended);
        return;
      }
      if (at > 0) continue;
      if (held.readUIntLE(0, 3) === largest) yield Buffer.concat([Buffer.alloc(4), await packet()]);
      else await need(4 + held.readUIntLE(0, 3));
    }
  }

  return {
    thread: connection.threadId,
    async query(statement) {
      const first = await send(statement);
      if (first[0] === 0xfb) await refuseFile();
      if (first[0] === 0) {
        const done = doneOf(first);
        const affected = done.affected + (await skipResults(done.more === true));
        busy = false;
        return { ...done, affected, rows: [] };
      }
      const fields = await fieldsOf(first);
      const rows: (string | null)[][] = [];
      for await (const block of blocks()) textsOf(block, fields.length, rows);
      return { affected: 0, warnings: 0, rows };
    },
    async open(statement) {
      const first = await send(statement);
      if (first[0] === 0xfb) await refuseFile();
      if (first[0] === 0) {
        busy = false;
        throw Object.assign(new Error('it gives no rows'), { errno: 1064, sqlState: '42000' });
      }
      return { fields: await fieldsOf(first), blocks: blocks() };
    },
    async prepare(statement) {
      const first = await send(statement, '\x16');
      const [columns, parameters] = [first.readUInt16LE(5), first.readUInt16LE(7)];
      for (let i = 0; i < parameters + (parameters > 0 ? 1 : 0); i++) await packet();
      const fields: Field[] = [];
      for (let i = 0; i < columns; i++) fields.push(fieldOf(await packet(), extended));
      if (columns > 0) await packet();
      put(0, Buffer.concat([Buffer.from([0x19]), first.subarray(1, 5)]));
      busy = false;
      return { fields, parameters };
    },
    async load(statement, chunks) {
      const first = await send(statement);
      if (first[0] !== 0xfb) throw new Error('the server did not ask for the file');
      let sequence = 2;
      let failed: { error: unknown } | undefined;
      try {
        for await (const chunk of chunks) {
          for (let at = 0; at < chunk.length; at += pieceBytes) {
            if (lost !== undefined) throw lost;
            if (!put(sequence++, chunk.subarray(at, at + pieceBytes))) {
              while (stream.writableNeedDrain && lost === undefined) await woken();
            }
          }
        }
      } catch (error) {
        failed = { error };
      }
      if (lost === undefined) put(sequence, Buffer.alloc(0));
      const last = await packet().catch((error: unknown) => {
        throw failed === undefined ? error : failed.error;
      });
      busy = false;
      if (failed !== undefined) throw failed.error;
      if (last[0] === 0xff) throw errorOf(last);
      return doneOf(last);
    },
    usable: () => lost === undefined && !busy,
    async end() {
      connection._closing = true;
      if (lost === undefined && !busy) {
        put(0, Buffer.from([1]));
        stream.resume();
        stream.end();
        while (lost === undefined) await woken();
      }
      stream.destroy();
    },
    destroy() {
      connection._closing = true;
      stream.destroy();
    },
  };
}
