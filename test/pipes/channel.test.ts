// The channel: values in order, one at a time, and nobody left waiting.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { failure } from '../../engine/errors.ts';
import { createChannel } from '../../pipes/channel.ts';

it('hands over all values in order, and makes the giver wait', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer(), { maxLength: 20 }),
      fc.array(fc.nat(3), { minLength: 1 }),
      async (values, pace) => {
        const channel = createChannel<number>(new AbortController().signal);
        let given = 0;
        const give = async () => {
          for (const value of values) {
            await channel.put(value);
            given += 1;
          }
          channel.close();
        };
        const taken: number[] = [];
        const take = async () => {
          for await (const value of channel.values) {
            expect(given).toBeLessThanOrEqual(taken.length + 1);
            taken.push(value);
            for (let turn = pace[taken.length % pace.length]!; turn > 0; turn--) await Promise.resolve();
          }
        };
        await Promise.all([give(), take()]);
        expect(taken).toEqual(values);
      },
    ),
  );
});

it('lets the giver go on when the reader has gone', async () => {
  const channel = createChannel<number>(new AbortController().signal);
  const first = channel.put(1);
  for await (const value of channel.values) {
    expect(value).toBe(1);
    break;
  }
  await first;
  await channel.put(2);
});

it('rejects the giver and the reader on an abort, whether or not there is a reader', async () => {
  for (const reads of [true, false]) {
    const abort = new AbortController();
    const channel = createChannel<number>(abort.signal);
    const next = reads ? channel.values[Symbol.asyncIterator]().next() : undefined;
    const put = reads ? undefined : channel.put(1);
    abort.abort(failure('INTERRUPTED'));
    await expect(reads ? next : put).rejects.toMatchObject({ code: 'INTERRUPTED' });
    await expect(channel.put(2)).rejects.toMatchObject({ code: 'INTERRUPTED' });
  }
});
