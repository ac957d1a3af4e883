// The start of a file: its encoding, its byte order mark and the lines to leave out; then UTF-8 bytes.
import type { FormatContext } from '../../../engine/contracts/format.ts';
import { charsetNamed, utf8 } from '../text/charsets.ts';
import { decodeText } from '../text.ts';

export interface Source {
  /** UTF-8 without a byte order mark. */
  bytes: AsyncIterable<Uint8Array>;
  /** What the bytes begin with: the number of the line from 1, and how many bytes of the file were before. */
  line: number;
  offset: number;
}

export async function openSource(
  bytes: AsyncIterable<Uint8Array>,
  encoding: string | undefined,
  skipLines: number,
  context: FormatContext,
): Promise<Source> {
  const iterator = bytes[Symbol.asyncIterator]();
  try {
    const head = await headOf(iterator);
    const own = (encoding === undefined || (await charsetNamed(encoding)) === utf8) && !hasUtf16Mark(head);
    const mark = own && head.subarray(0, 3).equals(utf8.mark!) ? 3 : 0;
    const all = chain(head.subarray(mark), iterator);
    const source = own ? all : encoded(decodeText(all, encoding, context));
    if (skipLines === 0) return { bytes: source, line: 1, offset: mark };
    const { rest, skipped } = await withoutLines(source[Symbol.asyncIterator](), skipLines);
    return { bytes: rest, line: skipLines + 1, offset: mark + skipped };
  } catch (error) {
    await iterator.return?.();
    throw error;
  }
}

function hasUtf16Mark(head: Buffer): boolean {
  return (head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff);
}

/** At least three bytes, if there are so many. */
async function headOf(iterator: AsyncIterator<Uint8Array>): Promise<Buffer> {
  let head: Buffer = Buffer.alloc(0);
  while (head.length < 3) {
    const { done, value } = await iterator.next();
    if (done === true) break;
    const chunk = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    head = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
  }
  return head;
}

async function* chain(first: Uint8Array, iterator: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    if (first.length > 0) yield first;
    for (;;) {
      const { done, value } = await iterator.next();
      if (done === true) return;
      yield value;
    }
  } finally {
    await iterator.return?.();
  }
}

async function* encoded(texts: AsyncIterable<string>): AsyncGenerator<Uint8Array> {
  for await (const text of texts) yield Buffer.from(text, 'utf8');
}

async function withoutLines(iterator: AsyncIterator<Uint8Array>, lines: number) {
  let left = lines;
  let skipped = 0;
  for (;;) {
    const { done, value } = await iterator.next();
    if (done === true) return { rest: chain(new Uint8Array(0), iterator), skipped };
    let at = 0;
    while (left > 0) {
      const newline = value.indexOf(0x0a, at);
      if (newline === -1) break;
      at = newline + 1;
      left--;
    }
    if (left === 0) return { rest: chain(value.subarray(at), iterator), skipped: skipped + at };
    skipped += value.length;
  }
}
