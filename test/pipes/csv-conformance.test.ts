// The format conformance suite for csv and tsv.
import type { Column, ColumnType } from '../../engine/contracts/data.ts';
import { csv } from '../../pipes/formats/csv.ts';
import { tsv } from '../../pipes/formats/tsv.ts';
import { describeFormat, type FormatCapabilities, type FormatSubject } from '../conformance/format.ts';

const types: ColumnType[] = [
  'boolean',
  'integer',
  'double',
  'decimal',
  'text',
  'binary',
  'date',
  'time',
  'timestamp',
  'timestamptz',
  'interval',
  'uuid',
  'json',
  'array',
];

const capabilities: FormatCapabilities = {
  types,
  nulls: true,
  emptyText: true,
  anyText: true,
  manyColumns: true,
  unknownColumns: false,
  append: true,
};

const id: Column = { name: 'id', type: 'text' };

const refuses: FormatSubject<never>['refuses'] = [
  {
    what: 'a column that appears later',
    columns: [id],
    rows: [{ id: 'a' }, { id: 'b', name: 'c' }],
    code: 'COLUMN_APPEARED',
  },
  {
    what: 'a number that JSON does not have, in a list',
    columns: [id, { name: 'list', type: 'array' }],
    rows: [{ id: 'a', list: [Number.NaN] }],
    code: 'VALUE_LOSSY',
  },
];

function damaged(delimiter: string): FormatSubject<never>['damaged'] {
  const file = (...lines: string[][]) => lines.map((fields) => `${fields.join(delimiter)}\n`).join('');
  const header = ['id', 'name', 'note'];
  return [
    { what: 'an empty file', bytes: '', columns: [], code: 'INPUT_EMPTY', message: /is empty; .*`columns`/ },
    { what: 'a short row', bytes: file(header, ['1', '2']), code: 'RAGGED_ROW', message: /:2: 2 fields where .* 3;/ },
    { what: 'a long row', bytes: file(header, [...'1234']), code: 'RAGGED_ROW', message: /:2: 4 fields where .* 3;/ },
    {
      what: 'a quote that is not closed',
      bytes: file(header, [...'123'], ['4', '"5\n', '6']),
      code: 'INPUT_MALFORMED',
      message: /:3: a quote is opened here and never closed;/,
    },
    {
      what: 'text after a closing quote',
      bytes: file(header, ['1', '"2\n"x', '3']),
      code: 'INPUT_MALFORMED',
      message: /:2: field 2 goes on after its closing quote;/,
    },
    {
      what: 'a name twice',
      bytes: file(['id', 'name', 'note', 'id']),
      code: 'INPUT_MALFORMED',
      message: /:1: columns 1 and 4 have the same name "id";/,
    },
    {
      what: 'a header without a column of the options',
      bytes: file(['id', 'nmae', 'note']),
      code: 'COLUMN_UNKNOWN',
      message: /there is no column "name"; did you mean "nmae"\?/,
    },
    {
      what: 'a value that is not of its type',
      bytes: file(['id', 'qty'], ['1', '2'], ['3', '2x']),
      columns: [id, { name: 'qty', type: 'integer' }],
      code: 'VALUE_INVALID',
      message: /:3, column "qty": "2x" is not an integer/,
    },
  ];
}

const typed = (columns: readonly Column[]) =>
  columns.length === 0 ? {} : { columns: Object.fromEntries(columns.map(({ name, type }) => [name, type])) };

describeFormat('csv', {
  format: csv,
  options: (columns) => ({ name: 'csv' as const, ...typed(columns) }),
  capabilities,
  refuses,
  damaged: damaged(','),
});

describeFormat('tsv', {
  format: tsv,
  options: (columns) => ({ name: 'tsv' as const, ...typed(columns) }),
  capabilities,
  refuses,
  damaged: damaged('\t'),
});
