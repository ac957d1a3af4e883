// replace: replaces text in the values of columns.
import type { Column, ColumnType, Row } from '../../engine/contracts/data.ts';
import type { RowTask, TaskContext } from '../../engine/contracts/task.ts';
import { failure } from '../../engine/errors.ts';
import type { ReplaceTask } from '../../schemas/generated/types.ts';
import { placeOf, requireColumns, watchMissing } from '../columns.ts';

export const replace: RowTask<ReplaceTask> = {
  op: 'replace',
  accepts: ['rows'],
  yields: 'rows',

  step(params, columns, context) {
    const change = changer(params, context);
    requireColumns(params.columns ?? [], columns, context);
    const names = params.columns ?? columns?.filter(({ type }) => type === 'text').map(({ name }) => name);
    if (names === undefined) return { columns: undefined, apply: (row) => changeAll(row, change) };

    const watch = watchMissing(names, columns, context);
    return {
      columns: columns?.map((column) => (names.includes(column.name) ? changed(column, params, context) : column)),
      apply(row) {
        watch?.see(row);
        for (const name of names) {
          const value = row[name];
          if (typeof value === 'string') row[name] = change(value);
        }
        return row;
      },
      end: () => watch?.report(),
    };
  },
};

function changeAll(row: Row, change: Change): Row {
  for (const name in row) {
    const value = row[name];
    if (typeof value === 'string') row[name] = change(value);
  }
  return row;
}

const notText: ReadonlySet<ColumnType> = new Set(['boolean', 'integer', 'double', 'binary', 'json', 'array']);

/** The column after the change. What was a date or a decimal is only text then, unless all that happens to it is null. */
function changed(column: Column, params: ReplaceTask, context: TaskContext): Column {
  if (notText.has(column.type)) {
    const what = `the column "${column.name}" of type ${column.type}`;
    throw failure('OPTION_UNSUPPORTED', { what, where: placeOf(context), hint: '; cast it to text first' });
  }
  if (params.with === null) return { ...column, nullable: true };
  if (column.type === 'text') return column;
  return { name: column.name, type: 'text', ...(column.nullable === undefined ? {} : { nullable: column.nullable }) };
}

type Change = (text: string) => string | null;

function changer(params: ReplaceTask, context: TaskContext): Change {
  const { find, with: other, match = 'text', ignore_case: ignoreCase = false } = params;
  if (match === 'whole') {
    if (!ignoreCase) return (text) => (text === find ? other : text);
    const folded = find.toLowerCase();
    return (text) => (text.length === find.length && text.toLowerCase() === folded ? other : text);
  }
  if (other === null) {
    const hint = '; say `match: whole`';
    throw failure('OPTION_UNSUPPORTED', { what: '`with: null`', where: `\`match: ${match}\``, hint });
  }
  if (match === 'regex') {
    const pattern = compile(find, ignoreCase ? 'giu' : 'gu', context);
    return (text) => text.replace(pattern, other);
  }
  // `$&` and the like mean something in the second argument of `replace`.
  const literal = other.replaceAll('$', '$$$$');
  if (!ignoreCase) return (text) => (text.includes(find) ? text.replaceAll(find, literal) : text);
  const pattern = compile(find.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'), 'giu', context);
  return (text) => text.replace(pattern, literal);
}

function compile(source: string, flags: string, context: TaskContext): RegExp {
  try {
    return new RegExp(source, flags);
  } catch (error) {
    const reason = (error as Error).message.replace(/^Invalid regular expression: /, '');
    throw failure('EXPRESSION_SYNTAX', { expression: `${source} of ${placeOf(context)}`, reason }, { cause: error });
  }
}
