// The columns of a stream that is to become a table: its own, or what its first rows show.
import type { Batch, Column, ColumnType, Row, RowStream, Value } from '../../engine/contracts/data.ts';

export interface KnownColumns {
  columns: readonly Column[];
  /** Some of it was told from the first rows. */
  inferred: boolean;
  stream: RowStream;
  /** Ends a source that was begun. */
  close(): Promise<void>;
}

/** Reads the first batch where it must. Columns that hold only nulls there are text. */
export async function knownColumns(stream: RowStream): Promise<KnownColumns> {
  const own = stream.columns;
  if (own !== undefined && !own.some(({ untyped }) => untyped)) {
    return { columns: own, inferred: false, stream, close: async () => {} };
  }
  const iterator = stream.batches[Symbol.asyncIterator]();
  const first: Batch[] = [];
  for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
    first.push(next.value);
    if (next.value.rows.length > 0) break;
  }
  const rows = first.flatMap((batch) => batch.rows);
  const names = own?.map(({ name }) => name) ?? [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const columns = names.map((name, i): Column => {
    const known = own?.[i];
    if (known !== undefined && !known.untyped) return known;
    return { name, type: commonType(rows, name) ?? known?.type ?? 'text', untyped: true };
  });
  async function* batches(): AsyncGenerator<Batch> {
    try {
      yield* first;
      for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
    } finally {
      await iterator.return?.();
    }
  }
  return {
    columns,
    inferred: own === undefined,
    stream: { kind: 'rows', columns, batches: batches() },
    close: async () => void (await iterator.return?.()),
  };
}

/** The type that holds every value of the column in these rows; undefined where there is none. */
function commonType(rows: readonly Row[], name: string): ColumnType | undefined {
  let common: ColumnType | undefined;
  for (const row of rows) {
    const value = row[name];
    if (value === null || value === undefined) continue;
    const type = typeOfValue(value);
    if (common === undefined || (common === 'integer' && type === 'double')) common = type;
    else if (type !== common && !(common === 'double' && type === 'integer')) return mixed(common, type);
  }
  return common;
}

function mixed(one: ColumnType, other: ColumnType): ColumnType {
  return one === 'binary' || other === 'binary' ? 'text' : 'json';
}

function typeOfValue(value: NonNullable<Value>): ColumnType {
  switch (typeof value) {
    case 'boolean':
      return 'boolean';
    case 'number':
      return Number.isSafeInteger(value) && !Object.is(value, -0) ? 'integer' : 'double';
    case 'bigint':
      return 'integer';
    case 'string':
      return 'text';
    default:
      return value instanceof Uint8Array ? 'binary' : 'json';
  }
}
