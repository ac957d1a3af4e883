// Formats as streams: bounded, closed, aborted, continued.
import { describe, expect, test } from 'vitest';
import type { Batch, RowStream } from '../../../engine/contracts/data.ts';
import type { FormatContext } from '../../../engine/contracts/format.ts';
import { chunksOf, collect, contextFor, failureOf, watched } from '../streams.ts';
import { type FormatSubject, harness, path } from './harness.ts';

export function describeStreams<Options>(name: string, subject: FormatSubject<Options>): void {
  const { format, capabilities, columns, rowsOfText, encoded, decoded } = harness(subject);

  describe(`${name}: streams`, () => {
    const many = 100_000;

    function* manyBatches(): Generator<Batch> {
      const sample = rowsOfText(1000);
      for (let i = 0; i < many; i += 1000) yield { rows: sample.map((row) => ({ ...row })) };
    }

    test('100,000 rows go through in batches and chunks of bounded size', async () => {
      const { source, seen } = watched(manyBatches());
      const stream: RowStream = { kind: 'rows', columns, batches: source };
      const chunks: Uint8Array[] = [];
      for await (const chunk of format.encode(stream, subject.options(columns), contextFor(path))) {
        if (chunks.length === 0) expect(seen.pulled).toBeLessThan(100);
        expect(chunk.length).toBeLessThanOrEqual(1.5 * 1024 * 1024);
        chunks.push(chunk);
      }
      const bytes = Buffer.concat(chunks);
      const input = watched(cut(bytes));
      const { batches } = await format.decode(input.source, subject.options(columns), contextFor(path));
      let count = 0;
      for await (const { rows } of batches) {
        if (count === 0) expect(input.seen.pulled * 16_384).toBeLessThan(Math.max(3 * 1024 * 1024, bytes.length / 2));
        expect(rows.length).toBeLessThanOrEqual(8192);
        expect(rows.length).toBeGreaterThan(0);
        count += rows.length;
      }
      expect(count).toBe(many);
      expect(input.seen.closed).toBe(true);
    });

    function* cut(bytes: Uint8Array): Generator<Uint8Array> {
      for (let at = 0; at < bytes.length; at += 16_384) yield bytes.subarray(at, at + 16_384);
    }

    async function manyBytes(): Promise<Buffer> {
      return encoded(columns, rowsOfText(60_000));
    }

    test('a reader that stops closes the source', async () => {
      const bytes = await manyBytes();
      const { source, seen } = watched(cut(bytes));
      const { batches } = await format.decode(source, subject.options(columns), contextFor(path));
      for await (const _ of batches) break;
      expect(seen.closed).toBe(true);
      expect(seen.pulled * 16_384).toBeLessThan(bytes.length);
    });

    test('a writer that stops closes the rows', async () => {
      const { source, seen } = watched(manyBatches());
      const stream: RowStream = { kind: 'rows', columns, batches: source };
      for await (const _ of format.encode(stream, subject.options(columns), contextFor(path))) break;
      expect(seen.closed).toBe(true);
      expect(seen.pulled).toBeLessThan(100);
    });

    test('an abort ends reading and writing, and closes what they read', async () => {
      const bytes = await manyBytes();
      for (const reading of [true, false]) {
        const controller = new AbortController();
        const context: FormatContext = { path, signal: controller.signal };
        const input = watched(cut(bytes));
        const rows = watched(manyBatches());
        const work = async () => {
          const items: AsyncIterable<unknown> = reading
            ? (await format.decode(input.source, subject.options(columns), context)).batches
            : format.encode({ kind: 'rows', columns, batches: rows.source }, subject.options(columns), context);
          for await (const _ of items) controller.abort(new Error('stopped by the user'));
        };
        await expect(work()).rejects.toThrow('stopped by the user');
        expect((reading ? input : rows).seen.closed).toBe(true);
        expect(input.seen.pulled * 16_384).toBeLessThan(bytes.length);
        expect(rows.seen.pulled).toBeLessThan(100);
      }
    });

    test('an error of the source comes through as it is', async () => {
      const bytes = await encoded(columns, rowsOfText(5));
      async function* failing() {
        yield bytes.subarray(0, 10);
        throw new RangeError('the disk is on fire');
      }
      await expect(decoded(columns, failing())).rejects.toThrow(new RangeError('the disk is on fire'));
      async function* failingRows(): AsyncGenerator<Batch> {
        yield { rows: rowsOfText(1) };
        throw new RangeError('the rows are on fire');
      }
      const stream: RowStream = { kind: 'rows', columns, batches: failingRows() };
      const writing = collect(format.encode(stream, subject.options(columns), contextFor(path)));
      await expect(writing).rejects.toThrow(new RangeError('the rows are on fire'));
    });

    test.runIf(capabilities.append)('rows are added to a file', async () => {
      const [some, others] = [rowsOfText(7).slice(0, 4), rowsOfText(7).slice(4)];
      const parts = [await encoded(columns, some), await encoded(columns, others, { continued: true })];
      expect(await decoded(columns, chunksOf(Buffer.concat(parts)))).toEqual(rowsOfText(7));
      const nothing = await encoded(columns, [], { continued: true });
      expect(await decoded(columns, chunksOf(Buffer.concat([...parts, nothing])))).toEqual(rowsOfText(7));
    });

    test.runIf(!capabilities.append)('adding rows to a file is refused', async () => {
      const error = await failureOf(Promise.resolve().then(() => encoded(columns, rowsOfText(1), { continued: true })));
      expect(error.code).toBe('OPTION_UNSUPPORTED');
    });
  });
}
