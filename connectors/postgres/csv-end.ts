// CSV for servers before 18, which take a line of `\.` for the end of the data and drop the rest without a word.
import { failure } from '../../engine/errors.ts';

const mark = Buffer.from('\n\\.');
const [lineFeed, carriageReturn] = [10, 13];

/** The same chunks, up to where such a line is found: that fails. `where` names the target. */
export async function* withoutEndMark(chunks: AsyncIterable<Uint8Array>, where: string): AsyncGenerator<Uint8Array> {
  // The end of what has come, from where a mark may go on. Data begin at the start of a line.
  let tail: Uint8Array = Buffer.from('\n');
  for await (const chunk of chunks) {
    refuseMark(Buffer.concat([tail, chunk.subarray(0, mark.length)]), where);
    refuseMark(chunk, where);
    yield chunk;
    tail = Buffer.concat([tail, chunk.subarray(-mark.length)]).subarray(-mark.length);
  }
  refuseMark(Buffer.concat([tail, Buffer.from('\n')]), where);
}

function refuseMark(chunk: Uint8Array, where: string): void {
  const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
  for (let at = bytes.indexOf(mark); at >= 0; at = bytes.indexOf(mark, at + mark.length)) {
    const after = bytes[at + mark.length];
    if (after !== lineFeed && after !== carriageReturn) continue;
    const value = 'a line of the CSV that is `\\.` and nothing else';
    const expected =
      'a record for a Postgres before 18, which ends there; put a task between that makes rows, such as `select`';
    throw failure('VALUE_INVALID', { where, value, expected });
  }
}
