// CSV for servers before 18: a line that they would take for the end of the data is found, however the bytes are cut.
import { expect, test } from 'vitest';
import { withoutEndMark } from '../../connectors/postgres/csv-end.ts';
import { chunksOf, collect, failureOf } from '../conformance/streams.ts';

const cuts = [[1], [2], [3], [4], [5], [64]];
const through = (text: string, sizes: number[]) =>
  collect(withoutEndMark(chunksOf(Buffer.from(text), sizes), '/shop/items'));

test.each(['\\.\na,b\n', 'a,b\n\\.\nc,d\n', 'a,b\n\\.\r\nc,d\n', 'a,b\n\\.', '\\.', 'a\n\\.x\n\n\\.\n'])(
  '%j is refused',
  async (text) => {
    for (const sizes of cuts) {
      expect(await failureOf(through(text, sizes))).toMatchObject({
        code: 'VALUE_INVALID',
        message: expect.stringMatching(/items.*before 18/),
      });
    }
  },
);

test.each(['', 'a,b\n', 'x\\.\n', '\\.,b\n', 'a,\\.\n', '\\.\\.\n', '"\\."\n', 'a\n\\.x\n', '\\', 'a\n\\\n.\n'])(
  '%j passes',
  async (text) => {
    for (const sizes of cuts) expect(Buffer.concat(await through(text, sizes)).toString()).toBe(text);
  },
);
