// The lines of a file, block by block.
import type { FormatContext } from '../../../engine/contracts/format.ts';
import { failure } from '../../../engine/errors.ts';
import { decodeText } from '../text.ts';

export interface LineBlock {
  /** Without their ends, which are LF or CR LF. */
  lines: string[];
  /** The number of the first, from 1. */
  first: number;
  /** In characters. */
  size: number;
}

const longestLine = 64 * 1024 * 1024;

/** The lines of a file after the first `skip`. A last line needs no end; nothing after the last end is no line. */
export async function* lineBlocks(
  bytes: AsyncIterable<Uint8Array>,
  encoding: string | undefined,
  skip: number,
  context: FormatContext,
): AsyncGenerator<LineBlock> {
  let count = 0;
  /** The start of a line whose end has not come. */
  let before: string[] = [];
  let beforeLength = 0;

  for await (const text of decodeText(bytes, encoding, context, { linesBefore: () => count })) {
    const end = text.lastIndexOf('\n');
    if (end !== -1) {
      before.push(text.slice(0, end));
      const block = blockOf(before.join(''));
      before = [];
      beforeLength = 0;
      if (block.lines.length > 0) yield block;
    }
    if (end + 1 === text.length) continue;
    before.push(text.slice(end + 1));
    beforeLength += text.length - end - 1;
    if (beforeLength > longestLine) {
      const reason = `the line has over ${longestLine} characters, so this is hardly a file of lines`;
      throw failure('INPUT_MALFORMED', { path: context.path, line: count + 1, reason });
    }
  }
  const last = before.join('');
  if (last !== '' && count >= skip) yield { lines: [last], first: count + 1, size: last.length };

  function blockOf(text: string): LineBlock {
    let lines = text.split('\n');
    if (text.includes('\r')) {
      for (let i = 0; i < lines.length; i++) {
        const line = lines[i]!;
        if (line.charCodeAt(line.length - 1) === 0x0d) lines[i] = line.slice(0, -1);
      }
    }
    const first = count + 1;
    count += lines.length;
    const skipped = Math.max(0, skip + 1 - first);
    if (skipped > 0) lines = lines.slice(skipped);
    return { lines, first: first + skipped, size: text.length };
  }
}
