// echo: says something in the log and passes its input on, or gives rows that stand in the definition.
import type { Column, ColumnType, Row, RowStream, Stream, Value } from '../../engine/contracts/data.ts';
import type { Task } from '../../engine/contracts/task.ts';
import type { EchoTask } from '../../schemas/generated/types.ts';

export const echo: Task<EchoTask> = {
  op: 'echo',
  accepts: ['rows', 'files', 'nothing'],
  yields: 'same',

  async run(input, { message, rows }, context) {
    if (message !== undefined) context.log.info(message);
    if (rows === undefined) return input;
    if (input !== undefined) await closed(input);
    return given(rows as Row[]);
  },
};

/** What is not read on holds up the other readers of the same source. A generator must be started to be ended. */
async function closed(input: Stream): Promise<void> {
  const iterator = (input.kind === 'rows' ? input.batches : input.files)[Symbol.asyncIterator]();
  await iterator.next();
  await iterator.return?.();
}

/** Every row gets every column, null where the definition says nothing. */
function given(rows: readonly Row[]): RowStream {
  const names = new Set(rows.flatMap((row) => Object.keys(row)));
  const columns = [...names].map((name) =>
    columnOf(
      name,
      rows.map((row) => row[name] ?? null),
    ),
  );
  const all = rows.map((row) => Object.fromEntries(columns.map(({ name }) => [name, row[name] ?? null])));
  return { kind: 'rows', columns, batches: once(all) };
}

async function* once(rows: Row[]) {
  if (rows.length > 0) yield { rows };
}

function columnOf(name: string, values: readonly Value[]): Column {
  const types = new Set(values.filter((value) => value !== null).map(typeOf));
  if (types.size === 2 && types.has('integer') && types.has('double')) types.delete('integer');
  const [type, ...others] = types;
  if (type === undefined || others.length > 0) return { name, type: 'text', nullable: true, untyped: true };
  return { name, type, ...(values.includes(null) ? { nullable: true } : {}) };
}

function typeOf(value: Exclude<Value, null>): ColumnType {
  if (typeof value === 'boolean') return 'boolean';
  if (typeof value === 'bigint') return 'integer';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'double';
  if (typeof value === 'string') return 'text';
  return Array.isArray(value) ? 'array' : 'json';
}
