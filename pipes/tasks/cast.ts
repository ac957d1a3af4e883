// cast: turns the values of columns into other types, in place.
import type { Column, ColumnType, Row, Value } from '../../engine/contracts/data.ts';
import type { RowTask, TaskContext } from '../../engine/contracts/task.ts';
import { Failure, failure } from '../../engine/errors.ts';
import type { CastTask } from '../../schemas/generated/types.ts';
import type { Cast } from '../cast/cast.ts';
import { castTo } from '../cast/index.ts';
import { placeOf, requireColumns, watchMissing } from '../columns.ts';

export const cast: RowTask<CastTask> = {
  op: 'cast',
  accepts: ['rows'],
  yields: 'rows',

  step({ columns: wanted, invalid = 'fail', lossy = 'refuse' }, columns, context) {
    const names = Object.keys(wanted);
    requireColumns(names, columns, context);
    const watch = watchMissing(names, columns, context);
    const targets = names.map((name) => targetOf(wanted[name]!));
    const casts = targets.map((target, at) => {
      refuseMisplaced(target, names[at]!, context);
      const made = castTo(target.type, { ...target, separator: target.decimal_separator, lossy: lossy === 'allow' });
      return invalid === 'null' ? nullWhereInvalid(made) : made;
    });
    return {
      columns: columns?.map((column) => {
        const at = names.indexOf(column.name);
        return at < 0 ? column : columnAfter(column, targets[at]!, invalid === 'null');
      }),
      apply(row) {
        watch?.see(row);
        return castRow(row, names, casts, context);
      },
      end: () => watch?.report(),
    };
  },
};

type Target = Exclude<CastTask['columns'][string], string>;

function targetOf(wanted: CastTask['columns'][string]): Target {
  return typeof wanted === 'string' ? { type: wanted } : wanted;
}

function castRow(row: Row, names: readonly string[], casts: readonly Cast[], context: TaskContext): Row {
  let at = 0;
  try {
    for (; at < names.length; at++) {
      const name = names[at]!;
      const value = row[name];
      if (value !== null && value !== undefined) row[name] = casts[at]!(value);
    }
    return row;
  } catch (error) {
    if (!isUnfit(error)) throw error;
    const where = `${placeOf(context)} column "${names[at]}"`;
    throw failure(error.code, { ...error.data, where }, { cause: error });
  }
}

function nullWhereInvalid(make: Cast): Cast {
  return (value): Value => {
    try {
      return make(value);
    } catch (error) {
      if (isUnfit(error)) return null;
      throw error;
    }
  };
}

function isUnfit(error: unknown): error is Failure {
  return error instanceof Failure && (error.code === 'VALUE_INVALID' || error.code === 'VALUE_LOSSY');
}

function columnAfter({ name, nullable }: Column, { type, precision, scale }: Target, mayBeNull: boolean): Column {
  return {
    name,
    type,
    ...(mayBeNull ? { nullable: true } : nullable === undefined ? {} : { nullable }),
    ...(precision === undefined ? {} : { precision }),
    ...(scale === undefined ? {} : { scale }),
  };
}

const optionTypes: Record<'format' | 'precision' | 'scale' | 'decimal_separator', readonly ColumnType[]> = {
  format: ['date', 'time', 'timestamp'],
  precision: ['decimal'],
  scale: ['decimal'],
  decimal_separator: ['integer', 'double', 'decimal'],
};

function refuseMisplaced(target: Target, column: string, context: TaskContext): void {
  for (const [option, types] of Object.entries(optionTypes)) {
    if (target[option as keyof typeof optionTypes] === undefined || types.includes(target.type)) continue;
    const where = `the type ${target.type} (${placeOf(context)} column "${column}")`;
    throw failure('OPTION_UNSUPPORTED', { what: `\`${option}\``, where, hint: `; it is for ${types.join(', ')}` });
  }
}
