// What a format must refuse, and how.
import { describe, expect, test } from 'vitest';
import type { Row, Value } from '../../../engine/contracts/data.ts';
import { Failure } from '../../../engine/errors.ts';
import { chunksOf, contextFor, failureOf } from '../streams.ts';
import { type FormatSubject, harness, path } from './harness.ts';

export function describeRefusals<Options>(name: string, subject: FormatSubject<Options>): void {
  const { format, columns, rowsOfText, encoded, decoded } = harness(subject);

  describe(`${name}: refuses`, () => {
    test.each(subject.refuses)('to write $what', async ({ columns: given, rows, code }) => {
      const error = await failureOf(encoded(given, rows));
      expect(error.code).toBe(code);
      expect(error.message).toMatch(/record \d+|in\/sample\.data/);
    });

    test.each(subject.damaged)('to read $what', async ({ bytes, columns: given, code, message }) => {
      const whole = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
      for (const size of [1, 2, 7, whole.length + 1]) {
        const error = await failureOf(decoded(given ?? columns, chunksOf(whole, [size])));
        expect([error.code, error.message]).toEqual([code, expect.stringMatching(message)]);
        expect(error.message).toContain(path);
      }
    });

    test('bytes that are no text, with the line', async () => {
      const good = await encoded(columns, rowsOfText(5));
      const lineStart = good.indexOf('\n', good.indexOf('\n') + 1) + 1;
      const bad = Buffer.concat([
        good.subarray(0, lineStart + 4),
        Buffer.from([0xe9, 0x20]),
        good.subarray(lineStart + 4),
      ]);
      for (const size of [1, 9, bad.length]) {
        const error = await failureOf(decoded(columns, chunksOf(bad, [size])));
        expect(error.code).toBe('INPUT_ENCODING');
        expect(error.message).toMatch(/^in\/sample\.data:3: byte 0xE9 .*latin1/);
      }
    });

    test('a file cut short anywhere: what it gives is the start of the rows, or a failure that names the file', async () => {
      const rows = rowsOfText(3);
      const bytes = await encoded(columns, rows);
      for (let length = 0; length < bytes.length; length++) {
        const given: Row[] = [];
        try {
          const stream = await format.decode(
            chunksOf(bytes.subarray(0, length)),
            subject.options(columns),
            contextFor(path),
          );
          for await (const batch of stream.batches) given.push(...batch.rows);
        } catch (error) {
          expect(error).toBeInstanceOf(Failure);
          expect((error as Failure).message).toContain(path);
        }
        // Where the end of a row is no more than the end of the file, the last row may be cut as well.
        expect(given.slice(0, -1)).toEqual(rows.slice(0, Math.max(0, given.length - 1)));
        expect(given.length).toBeLessThanOrEqual(rows.length);
      }
    });

    test('half a surrogate pair is not written as something else', async () => {
      const rows = [
        Object.fromEntries(columns.map(({ name: column }) => [column, 'x\ud834.'])) as Record<string, Value>,
      ];
      const bytes = await encoded(columns, rows).catch((error: unknown) => error);
      if (bytes instanceof Buffer) expect(await decoded(columns, chunksOf(bytes))).toEqual(rows);
      else expect(bytes).toMatchObject({ code: 'VALUE_LOSSY' });
    });
  });
}
