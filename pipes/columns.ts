// Columns as tasks deal with them: found by name or refused with near names, replaced, dropped.
import type { Column } from '../engine/contracts/data.ts';
import type { TaskContext } from '../engine/contracts/task.ts';
import { type Failure, failure } from '../engine/errors.ts';
import { didYouMeanOrKnown } from '../engine/suggest.ts';

/** Where in a definition an error is: `task 2 (select)`. */
export function placeOf({ task }: TaskContext): string {
  return `task ${task.index + 1} (${task.op})`;
}

export function columnUnknown(context: TaskContext, column: string, known: Iterable<string>): Failure {
  const hint = didYouMeanOrKnown(column, known, 'the columns are');
  return failure('COLUMN_UNKNOWN', { where: placeOf(context), column, hint });
}

/** Fails with COLUMN_UNKNOWN for the first name that is no column. Says nothing where the columns are not known. */
export function requireColumns(
  names: Iterable<string>,
  columns: readonly Column[] | undefined,
  context: TaskContext,
): void {
  if (columns === undefined) return;
  const known = new Set(columns.map(({ name }) => name));
  for (const name of names) if (!known.has(name)) throw columnUnknown(context, name, known);
}

/** `__proto__` as a key would change the row's prototype instead of the row. */
export function refuseName(name: string, context: TaskContext): void {
  if (name !== '__proto__') return;
  throw failure('OPTION_UNSUPPORTED', { what: 'a column named "__proto__"', where: placeOf(context) });
}

/** With `column` in the place of the one that has its name, or at the end. */
export function withColumn(columns: readonly Column[] | undefined, column: Column): readonly Column[] | undefined {
  if (columns === undefined) return undefined;
  const at = columns.findIndex(({ name }) => name === column.name);
  return at < 0 ? [...columns, column] : columns.with(at, column);
}

/** Watches for names that no row has, where the columns are not known before the rows are. */
export interface Missing {
  /** Told of a row that may have them. Cheap once all were seen. */
  see(row: object): void;
  /** Warns of each name that no row had. */
  report(): void;
}

export function watchMissing(
  names: readonly string[],
  columns: readonly Column[] | undefined,
  context: TaskContext,
): Missing | undefined {
  if (columns !== undefined) return undefined;
  let waiting = [...names];
  let example: string[] | undefined;
  return {
    see(row) {
      if (waiting.length === 0) return;
      example ??= Object.keys(row);
      waiting = waiting.filter((name) => !Object.hasOwn(row, name));
    },
    report() {
      if (example === undefined) return;
      for (const name of waiting) {
        const hint = didYouMeanOrKnown(name, example, 'the first record has');
        context.log.warn(`${placeOf(context)}: no record has a column "${name}"${hint}`);
      }
    },
  };
}
