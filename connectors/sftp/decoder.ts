// Takes the server's bytes apart as they come: what was read from a file goes straight into its place, without a packet of its own.
import { answer } from './packets.ts';

/** Where the bytes go that a read asked for. */
export interface Sink {
  buffer: Uint8Array;
  offset: number;
  length: number;
}

export interface Heard {
  /** Where the answer to this request belongs, if it is one of bytes; undefined: there is no such request. */
  sink(id: number): Sink | undefined;
  /** The bytes are where they belong. */
  data(id: number, count: number): void;
  /** Any other answer, without its length, type and number. The body may be kept. */
  other(type: number, id: number, body: Buffer): void;
}

/** Beyond any that is not about bytes; names of a folder come some at a time. */
const mostBytes = 4 * 1024 * 1024;
/** Length, type and number; of an answer with bytes also how many. */
const [plainHead, dataHead] = [9, 13];

/** Throws where the bytes are no SFTP. */
export function createDecoder(heard: Heard): (chunk: Buffer) => void {
  const head = Buffer.alloc(dataHead);
  let inHead = 0;
  let wanted = plainHead;
  /** Of the packet under way. */
  let into: Uint8Array | undefined;
  let at = 0;
  let end = 0;

  const begin = (): void => {
    const length = head.readUInt32BE(0);
    const id = head.readUInt32BE(5);
    if (head[4] !== answer.data) {
      if (length < 5 || length > mostBytes) throw new Error(`an answer of ${length} bytes`);
      into = Buffer.allocUnsafe(length - 5);
      at = 0;
      end = length - 5;
      return;
    }
    const count = head.readUInt32BE(plainHead);
    const sink = heard.sink(id);
    if (sink === undefined) throw new Error('bytes that nobody asked for');
    if (count > sink.length || length !== count + 9)
      throw new Error(`${count} bytes where ${sink.length} were asked for`);
    into = sink.buffer;
    at = sink.offset;
    end = sink.offset + count;
  };
  const finish = (): void => {
    const type = head[4]!;
    const id = head.readUInt32BE(5);
    const body = into!;
    inHead = 0;
    wanted = plainHead;
    into = undefined;
    if (type === answer.data) heard.data(id, head.readUInt32BE(plainHead));
    else heard.other(type, id, body as Buffer);
  };

  return (chunk) => {
    let p = 0;
    for (;;) {
      if (into === undefined) {
        while (inHead < wanted && p < chunk.length) head[inHead++] = chunk[p++]!;
        if (inHead < wanted) return;
        if (head[4] === answer.data && wanted === plainHead) {
          wanted = dataHead;
          continue;
        }
        begin();
      }
      const count = Math.min(end - at, chunk.length - p);
      if (count > 0) {
        chunk.copy(into!, at, p, p + count);
        at += count;
        p += count;
      }
      if (at < end) return;
      finish();
    }
  };
}
