// Plain text as rows of one column.
import { describe, expect, test } from 'vitest';
import type { Column, Row, RowStream } from '../../engine/contracts/data.ts';
import { lines } from '../../pipes/formats/lines.ts';
import type { LinesOptions } from '../../schemas/generated/types.ts';
import { describeFormat } from '../conformance/format.ts';
import { chunksOf, collect, contextFor, failureOf, rowsOf } from '../conformance/streams.ts';

const line: Column[] = [{ name: 'line', type: 'text' }];

describeFormat('lines', {
  format: lines,
  options: (): LinesOptions => ({ name: 'lines' }),
  capabilities: {
    types: ['text', 'date', 'time', 'timestamp', 'timestamptz', 'interval', 'uuid', 'decimal'],
    nulls: false,
    emptyText: true,
    anyText: false,
    manyColumns: false,
    unknownColumns: false,
    append: true,
  },
  refuses: [
    { what: 'NULL', columns: line, rows: [{ line: 'a' }, { line: null }], code: 'VALUE_LOSSY' },
    { what: 'a line break', columns: line, rows: [{ line: 'a\nb' }], code: 'VALUE_LOSSY' },
    { what: 'a carriage return at the end', columns: line, rows: [{ line: 'a\r' }], code: 'VALUE_LOSSY' },
    { what: 'two columns', columns: [], rows: [{ a: '1', b: '2' }], code: 'RECORD_INVALID' },
    { what: 'no column', columns: [], rows: [{}], code: 'RECORD_INVALID' },
  ],
  damaged: [
    {
      what: 'bytes that are not UTF-8',
      bytes: Buffer.from('a\n\xff', 'latin1'),
      code: 'INPUT_ENCODING',
      message: /data:2: byte 0xFF/,
    },
  ],
});

async function read(text: string, options: Omit<LinesOptions, 'name'> = {}, size = 65_536): Promise<Row[]> {
  return rowsOf(
    await lines.decode(chunksOf(Buffer.from(text), [size]), { name: 'lines', ...options }, contextFor('a.txt')),
  );
}

async function written(rows: Row[], options: Omit<LinesOptions, 'name'> = {}): Promise<string> {
  async function* batches() {
    yield { rows };
  }
  const stream: RowStream = { kind: 'rows', batches: batches() };
  return Buffer.concat(
    await collect(lines.encode(stream, { name: 'lines', ...options }, contextFor('a.txt'))),
  ).toString();
}

describe('reading', () => {
  test('LF, CR LF, a last line without an end, and empty lines', async () => {
    const text = 'a\r\nb\n\r\n\nlone \r inside\n\r\r\nlast';
    const values = ['a', 'b', '', '', 'lone \r inside', '\r', 'last'];
    for (let size = 1; size < 12; size++) {
      expect(await read(text, {}, size)).toEqual(values.map((value) => ({ line: value })));
      expect(await read(text, { skip_empty: true }, size)).toEqual(
        values.filter((value) => value !== '').map((value) => ({ line: value })),
      );
    }
    expect(await read('\n')).toEqual([{ line: '' }]);
    expect(await read('')).toEqual([]);
  });

  test('the first lines can be left out', async () => {
    for (let skip = 0; skip < 7; skip++) {
      for (let size = 1; size < 12; size++) {
        const rows = await read('1\n2\n3\n4\n5', { skip_lines: skip, column: 'n' }, size);
        expect(rows).toEqual(['1', '2', '3', '4', '5'].slice(skip).map((n) => ({ n })));
      }
    }
  });

  test('the column is known before anything is read', async () => {
    async function* nothing(): AsyncGenerator<Uint8Array> {
      yield await Promise.reject(new Error('was read'));
    }
    const { columns } = await lines.decode(nothing(), { name: 'lines', column: 'message' }, contextFor('a.txt'));
    expect(columns).toEqual([{ name: 'message', type: 'text', nullable: false }]);
  });
});

describe('writing', () => {
  test('takes the only column, or the one that is named', async () => {
    expect(await written([{ a: 'x' }, { b: 'y' }])).toBe('x\ny\n');
    expect(await written([{ a: 'x', b: 'y' }], { column: 'b', newline: 'crlf' })).toBe('y\r\n');
    const error = await failureOf(written([{ a: 'x' }], { column: 'b' }));
    expect(error.code).toBe('COLUMN_UNKNOWN');
    expect(error.message).toContain('a.txt, record 1');
  });

  test('a carriage return at the end is safe before CR LF', async () => {
    const text = await written([{ a: 'x\r' }], { newline: 'crlf' });
    expect(await read(text, { column: 'a' })).toEqual([{ a: 'x\r' }]);
  });

  test('numbers and other values as their text', async () => {
    expect(await written([{ a: 1.5 }, { a: 2n ** 64n }, { a: true }, { a: [1, 'x'] }])).toBe(
      '1.5\n18446744073709551616\ntrue\n[1,"x"]\n',
    );
  });
});
