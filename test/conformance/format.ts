// What every format must do, whatever it looks like on disk. Each format's own test calls this with what it can hold.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type {
  Batch,
  Column,
  ColumnType,
  Format,
  FormatContext,
  Row,
  RowStream,
  Value,
} from '../../engine/contracts.ts';
import { type ErrorCode, Failure } from '../../engine/errors.ts';
import { chunksOf, collect, contextFor, failureOf, rowsOf } from './streams.ts';
import { plainText, textValues, trickyText, valuesByType } from './values.ts';

export interface FormatCapabilities {
  /** The column types whose values come back as they were. */
  types: readonly ColumnType[];
  /** NULL comes back. */
  nulls: boolean;
  /** Empty text comes back, and is not NULL. */
  emptyText: boolean;
  /** Text of any characters comes back: line breaks, quotes, spaces at the ends. Otherwise some is refused. */
  anyText: boolean;
  /** Rows of several columns. */
  manyColumns: boolean;
  /** Rows may have different columns from one to the next. */
  unknownColumns: boolean;
  /** `continued` adds rows to a file; otherwise it is refused. */
  append: boolean;
}

export interface FormatSubject<Options> {
  format: Format<Options>;
  /** The options under which rows of these columns come back with their types. */
  options(columns: readonly Column[]): Options;
  capabilities: FormatCapabilities;
  /** Rows that the encoder must refuse, with the code of the failure. */
  refuses: readonly { what: string; columns: readonly Column[]; rows: readonly Row[]; code: ErrorCode }[];
  /** Files that the decoder must refuse. The message must name the file, and match. */
  damaged: readonly {
    what: string;
    bytes: string | Uint8Array;
    columns?: readonly Column[];
    code: ErrorCode;
    message: RegExp;
  }[];
}

const path = 'in/sample.data';
const text = (name: string): Column => ({ name, type: 'text' });

/** The suite. Registers its tests with vitest. */
export function describeFormat<Options>(name: string, subject: FormatSubject<Options>): void {
  const { format, capabilities } = subject;

  async function* batchesOf(rows: readonly Row[], size: number): AsyncGenerator<Batch> {
    for (let at = 0; at < rows.length; at += size) yield { rows: rows.slice(at, at + size).map((row) => ({ ...row })) };
  }

  async function encoded(
    columns: readonly Column[],
    rows: readonly Row[],
    { size = 1000, continued = false, known = true } = {},
  ): Promise<Buffer> {
    const stream: RowStream = { kind: 'rows', ...(known ? { columns } : {}), batches: batchesOf(rows, size) };
    const context = { ...contextFor(path), ...(continued ? { continued } : {}) };
    return Buffer.concat(await collect(format.encode(stream, subject.options(columns), context)));
  }

  async function decoded(columns: readonly Column[], bytes: AsyncIterable<Uint8Array>): Promise<Row[]> {
    return rowsOf(await format.decode(bytes, subject.options(columns), contextFor(path)));
  }

  async function roundTrip(columns: readonly Column[], rows: readonly Row[]): Promise<Row[]> {
    return decoded(columns, chunksOf(await encoded(columns, rows)));
  }

  const columns: Column[] = capabilities.manyColumns ? [text('id'), text('name'), text('note')] : [text('line')];
  const rowsOfText = (count: number): Row[] =>
    Array.from({ length: count }, (_, i) =>
      Object.fromEntries(columns.map((column, at) => [column.name, `${column.name} ${i}${[...' é€𝄞'].slice(at, at + 2).join('')}.`])),
    );

  /** A source that tells how far it was read and whether it was closed. */
  function watched<T>(items: Iterable<T>) {
    const seen = { pulled: 0, closed: false };
    async function* source(): AsyncGenerator<T> {
      try {
        for (const item of items) {
          seen.pulled++;
          yield item;
        }
      } finally {
        seen.closed = true;
      }
    }
    return { source: source(), seen };
  }

  describe(`${name}: what goes in comes out`, () => {
    test.each(capabilities.types)('%s', async (type) => {
      const column: Column = { name: capabilities.manyColumns ? 'value' : 'line', type };
      const all: Column[] = capabilities.manyColumns ? [text('id'), column] : [column];
      const values = valuesByType[type].filter((value) => capabilities.emptyText || value !== '');
      const rows = values.map((value, i): Row => (capabilities.manyColumns ? { id: `${i}.`, value } : { line: value }));
      expect(rows.length).toBeGreaterThan(1);
      expect(await roundTrip(all, rows)).toEqual(rows);
    });

    test.runIf(capabilities.nulls)('NULL in every column, and beside other values', async () => {
      const types = capabilities.manyColumns ? capabilities.types : capabilities.types.slice(0, 1);
      const all = types.map((type): Column => ({ name: `of_${type}`, type, nullable: true }));
      const empty: Row = Object.fromEntries(all.map((column) => [column.name, null]));
      const full: Row = Object.fromEntries(all.map((column) => [column.name, valuesByType[column.type][0]!]));
      const rows = [empty, full, empty];
      expect(await roundTrip(all, rows)).toEqual(rows);
    });

    test.runIf(capabilities.nulls && capabilities.emptyText)('NULL and empty text are different', async () => {
      const last = columns.at(-1)!.name;
      const rows = rowsOfText(3).map((row, i) => ({ ...row, [last]: i === 1 ? null : '' }));
      expect(await roundTrip(columns, rows)).toEqual(rows);
      const alone = ['', null, ''].map((value) => ({ only: value }));
      expect(await roundTrip([text('only')], alone)).toEqual(alone);
    });

    test.runIf(capabilities.anyText)('all awkward texts, side by side', async () => {
      const rows = textValues.map((_, i) =>
        Object.fromEntries(columns.map((column, at) => [column.name, textValues[(i + at) % textValues.length]!])),
      );
      expect(await roundTrip(columns, rows)).toEqual(rows);
    });

    test('no rows', async () => {
      const bytes = await encoded(columns, []);
      expect(await decoded(columns, chunksOf(bytes))).toEqual([]);
      expect(await decoded(columns, chunksOf(bytes, [1]))).toEqual([]);
    });

    test('one row', async () => {
      expect(await roundTrip(columns, rowsOfText(1))).toEqual(rowsOfText(1));
    });

    test('every row is an object of its own', async () => {
      const rows = await roundTrip(columns, rowsOfText(50));
      expect(new Set(rows).size).toBe(50);
    });

    test.runIf(capabilities.unknownColumns)('rows of different columns', async () => {
      const rows: Row[] = [{ id: 'a.' }, { name: 'b.', id: 'c.' }, { other: 'd.' }];
      expect(await decoded([], chunksOf(await encoded([], rows, { known: false })))).toEqual(rows);
    });

    test('any text comes back as it was, or is refused', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.array(trickyText, { minLength: columns.length, maxLength: columns.length }), { maxLength: 5 }),
          async (cells) => {
            const rows = cells.map(
              (row): Row => Object.fromEntries(columns.map((column, i) => [column.name, row[i]!])),
            );
            const bytes = await encoded(columns, rows).catch((error: unknown) => error);
            if (bytes instanceof Buffer) expect(await decoded(columns, chunksOf(bytes))).toEqual(rows);
            else {
              expect(bytes).toBeInstanceOf(Failure);
              expect((bytes as Failure).message).toContain(path);
              if ((bytes as Failure).code !== 'VALUE_LOSSY' || capabilities.anyText) throw bytes;
            }
          },
        ),
        { numRuns: 300 },
      );
    });

    test('any plain text comes back', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(plainText, { minLength: 1, maxLength: 20 }), async (values) => {
          const rows = values.map((value): Row => Object.fromEntries(columns.map((column) => [column.name, value])));
          expect(await roundTrip(columns, rows)).toEqual(rows);
        }),
        { numRuns: 100 },
      );
    });
  });

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
