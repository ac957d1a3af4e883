// set: adds columns to each row, or gives them a new value, in place.
import type { Column, ColumnType, Value } from '../../engine/contracts/data.ts';
import type { Evaluator, RowTask } from '../../engine/contracts/task.ts';
import { pointerTo } from '../../engine/pointer.ts';
import type { SetTask } from '../../schemas/generated/types.ts';
import { refuseName, withColumn } from '../columns.ts';
import { assigner } from '../row-functions.ts';

export const set: RowTask<SetTask> = {
  op: 'set',
  accepts: ['rows'],
  yields: 'rows',

  step({ values }, columns, context) {
    let known = columns;
    const made = Object.entries(values).map(([name, value]) => {
      refuseName(name, context);
      // What the values set before it are called is part of what it sees.
      const evaluate = hasTemplate(value)
        ? context.template(value as Value, pointerTo('/values', name), known)
        : constant(value as Value);
      known = withColumn(known, columnOf(name, evaluate));
      return { name, evaluate };
    });
    return { columns: known, apply: assigner(made) };
  },
};

function columnOf(name: string, { type }: Evaluator): Column {
  return type === undefined ? { name, type: 'text', nullable: true, untyped: true } : { name, type, nullable: true };
}

function hasTemplate(value: unknown): boolean {
  if (typeof value === 'string') return value.includes('${');
  return typeof value === 'object' && value !== null && Object.values(value).some(hasTemplate);
}

/** The same value for every row. Nothing changes the inside of a value, so that all rows may share it. */
function constant(value: Value): Evaluator {
  const type = typeOf(value);
  return Object.assign(() => value, type === undefined ? {} : { type });
}

function typeOf(value: Value): ColumnType | undefined {
  if (value === null) return undefined;
  if (typeof value === 'boolean') return 'boolean';
  if (typeof value === 'bigint') return 'integer';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'double';
  if (typeof value === 'string') return 'text';
  return Array.isArray(value) ? 'array' : 'json';
}
