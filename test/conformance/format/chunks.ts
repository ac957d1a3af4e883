// How the bytes and the batches are cut does not matter.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Batch, Row, RowStream } from '../../../engine/contracts/data.ts';
import { chunksOf, collect, contextFor, rowsOf } from '../streams.ts';
import { textValues } from '../values.ts';
import { type FormatSubject, harness, path } from './harness.ts';

export function describeChunks<Options>(name: string, subject: FormatSubject<Options>): void {
  const { format, capabilities, columns, batchesOf, rowsOfText, encoded, decoded } = harness(subject);

  describe(`${name}: the way the bytes come does not matter`, () => {
    const rows = [...rowsOfText(4), ...(capabilities.anyText ? awkwardRows() : [])];

    function awkwardRows(): Row[] {
      return textValues.slice(0, 12).map((value) => Object.fromEntries(columns.map((column) => [column.name, value])));
    }

    test('cut in two at every byte', async () => {
      const bytes = await encoded(columns, rows);
      for (let at = 1; at < bytes.length; at++) {
        expect(await decoded(columns, chunksOf(bytes, [at, bytes.length]))).toEqual(rows);
      }
    });

    test('one byte at a time, with nothing in between', async () => {
      const bytes = await encoded(columns, rows);
      expect(await decoded(columns, chunksOf(bytes, [1]))).toEqual(rows);
      async function* withEmpty() {
        for await (const chunk of chunksOf(bytes, [3])) {
          yield new Uint8Array(0);
          yield chunk;
        }
        yield new Uint8Array(0);
      }
      expect(await decoded(columns, withEmpty())).toEqual(rows);
    });

    test('cut anyhow', async () => {
      const bytes = await encoded(columns, rows);
      const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 20 });
      await fc.assert(
        fc.asyncProperty(sizes, async (list) => {
          expect(await decoded(columns, chunksOf(bytes, list))).toEqual(rows);
        }),
        { numRuns: 50 },
      );
    });

    test('in chunks that are no Buffers', async () => {
      const bytes = await encoded(columns, rows);
      async function* plain() {
        for await (const chunk of chunksOf(bytes, [50])) yield new Uint8Array(chunk);
      }
      expect(await decoded(columns, plain())).toEqual(rows);
    });

    test('the file is the same whatever the batches are', async () => {
      const bytes = await encoded(columns, rows, { size: 1 });
      for (const size of [2, 3, 100]) expect((await encoded(columns, rows, { size })).equals(bytes)).toBe(true);
      const stream: RowStream = { kind: 'rows', columns, batches: withEmptyBatches() };
      async function* withEmptyBatches(): AsyncGenerator<Batch> {
        yield { rows: [] };
        yield* batchesOf(rows, 2);
        yield { rows: [] };
      }
      const chunks = await collect(format.encode(stream, subject.options(columns), contextFor(path)));
      expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
    });

    test('in UTF-16 and Windows-1252', async () => {
      const plain = rowsOfText(20).map((row) =>
        Object.fromEntries(columns.map(({ name }, i) => [name, `${row[name]}`.slice(0, 5) + 'ü€'[i % 2]])),
      );
      for (const encoding of ['utf-16le', 'utf-16be', 'utf-16', 'windows-1252']) {
        const options = { ...subject.options(columns), encoding };
        const stream: RowStream = { kind: 'rows', columns, batches: batchesOf(plain, 7) };
        const bytes = Buffer.concat(await collect(format.encode(stream, options, contextFor(path))));
        expect(await rowsOf(await format.decode(chunksOf(bytes, [5]), options, contextFor(path)))).toEqual(plain);
      }
    });
  });
}
