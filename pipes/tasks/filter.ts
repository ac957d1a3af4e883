// filter: lets the rows through for which an expression is true.
import type { Value } from '../../engine/contracts/data.ts';
import type { RowTask } from '../../engine/contracts/task.ts';
import { failure } from '../../engine/errors.ts';
import type { FilterTask } from '../../schemas/generated/types.ts';
import { placeOf } from '../columns.ts';
import { valueText } from '../formats/values.ts';

export const filter: RowTask<FilterTask> = {
  op: 'filter',
  accepts: ['rows'],
  yields: 'rows',

  step({ where }, columns, context) {
    const test = context.expression(where, '/where', columns);
    const refuse = (value: Value) =>
      failure('CONDITION_NOT_BOOLEAN', { where: placeOf(context), expression: where, value: shown(value) });
    return {
      columns,
      apply(row) {
        const value = test(row);
        if (value === true) return row;
        if (value === false) return undefined;
        throw refuse(value);
      },
    };
  },
};

function shown(value: Value): string {
  if (value === null) return 'null';
  const text = typeof value === 'string' ? JSON.stringify(value) : valueText(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
