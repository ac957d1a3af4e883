// Which task a failure is about, and the failure as data: what the tasks of an `on_error` get.
import type { Column, RowStream, Value } from './contracts/data.ts';
import type { Failure } from './errors.ts';
import type { TaskState } from './run.ts';

interface Blame {
  /** The task of the list, as the outermost run knows it. */
  task: number;
  /** What failed, however deep: its id, and where it stands, `file:line:col`. */
  id: string;
  place: string;
}

const blamed = new WeakMap<Failure, Blame>();

export function blame(error: Failure, { planned }: TaskState): void {
  const { id, place } = blamed.get(error) ?? planned;
  blamed.set(error, { task: planned.index, id, place });
}

/** Which task a failure of a run is about, for its report. */
export function blameFor(error: Failure): { task: number; place: string } | undefined {
  const found = blamed.get(error);
  return found && { task: found.task, place: found.place };
}

const columns: readonly Column[] = [
  { name: 'code', type: 'text' },
  { name: 'message', type: 'text' },
  { name: 'task', type: 'text', nullable: true },
  { name: 'place', type: 'text', nullable: true },
  { name: 'data', type: 'json' },
];

export type ErrorRecord = Record<string, Value>;

/** `code`, `message`, `task` (its id), `place` (`file:line:col`) and `data`, which has what the message speaks of. */
export function errorRecord(error: Failure): ErrorRecord {
  const { id = null, place = null } = blamed.get(error) ?? {};
  const data = JSON.parse(JSON.stringify(error.data, plain)) as Value;
  return { code: error.code, message: error.message, task: id, place, data };
}

function plain(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

/** The error as the only record. */
export function errorRows(record: ErrorRecord): RowStream {
  return oneRow({ ...record }, columns);
}

/** A stream of one row. */
export function oneRow(row: Record<string, Value>, columns?: readonly Column[]): RowStream {
  return { kind: 'rows', ...(columns === undefined ? {} : { columns }), batches: once({ rows: [row] }) };
}

/** One value, as a stream has it. */
export async function* once<T>(value: T): AsyncGenerator<T> {
  yield value;
}
