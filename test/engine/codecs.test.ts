// Files on their way to rows: what is open behind them is let go where nobody reads on.
import { expect, test } from 'vitest';
import { createCodecs } from '../../engine/codecs.ts';
import type { FileStream } from '../../engine/contracts/data.ts';
import { formats } from '../../pipes/formats/index.ts';
import { streamOf } from '../conformance/files.ts';
import { collect } from '../conformance/streams.ts';

function source(name: string) {
  const seen = { opened: 0, closed: 0 };
  async function* open() {
    seen.opened++;
    try {
      for (let at = 0; at < 100; at++) yield Buffer.from(at === 0 ? 'a,b\n' : `${at},x\n`);
    } finally {
      seen.closed++;
    }
  }
  const stream: FileStream = streamOf({ name, path: name, contentType: '', open });
  return { seen, stream };
}

// The header is read ahead, and of a file whose name says nothing the first bytes.
test.each(['a.csv', 'a.txt', 'a'])('%s, when the run ends before a row is read', async (name) => {
  const run = new AbortController();
  const { seen, stream } = source(name);
  const rows = await createCodecs(formats, run.signal)
    .rows(stream)
    .catch(() => undefined);
  run.abort(new Error('the target cannot be written'));
  await new Promise(setImmediate);
  expect(seen.closed).toBe(seen.opened);
  if (rows !== undefined) await expect(collect(rows.batches)).rejects.toThrow('the target cannot be written');
});
