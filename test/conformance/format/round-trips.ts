// What goes into a format comes out of it.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Column, Row } from '../../../engine/contracts/data.ts';
import { Failure } from '../../../engine/errors.ts';
import { chunksOf } from '../streams.ts';
import { plainText, textValues, trickyText, valuesByType } from '../values.ts';
import { type FormatSubject, harness, path, text } from './harness.ts';

export function describeRoundTrips<Options>(name: string, subject: FormatSubject<Options>): void {
  const { capabilities, columns, rowsOfText, encoded, decoded, roundTrip } = harness(subject);

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
}
