// What expressions see outside of rows, and the evaluation of a task's fields before it runs.
import { type FieldInfo, tasks as ops, type Part, taskScope } from '../schemas/generated/language.ts';
import type { Column, Row, Value } from './contracts/data.ts';
import type { Evaluator } from './contracts/task.ts';
import { failure } from './errors.ts';
import { columnTypeOf } from './expressions/column-type.ts';
import {
  type CompileOptions,
  compile,
  compileValue,
  type ExpressionScope,
  parseExpression,
  parseTemplate,
} from './expressions.ts';
import type { PlannedTask } from './plan.ts';

/** The values of all names but `record`; `tasks` grows as tasks end. */
export type Scope = ExpressionScope & { tasks: Record<string, Value> };

/** The scope of a run that begins. */
export function outerScope({ params, run }: { params: Record<string, Value>; run: Record<string, Value> }): Scope {
  return { params, run, env: environment(), tasks: {}, state: {}, trigger: null };
}

/** The scope of a connection's fields; `secret` and `file` are for its secret fields only. */
export function connectionScope(params: Record<string, Value>): ExpressionScope {
  return { params, env: environment() };
}

function environment(): Record<string, Value> {
  return Object.fromEntries(Object.entries(process.env).filter(([, value]) => value !== undefined)) as Record<
    string,
    Value
  >;
}

/** A value with `${…}` in it at any depth. */
export function evaluateValue(value: Value, scope: ExpressionScope, where: string): Value {
  const evaluate = compileValue(value, { where, names: Object.keys(scope) });
  return evaluate === undefined ? value : evaluate(scope);
}

/** Whether a task's `when` lets it run. */
export function isTrue(task: PlannedTask, scope: Scope): boolean {
  const { when } = task.definition;
  if (when === undefined) return true;
  const where = `task ${task.index + 1} (${task.op}) when`;
  const value = compile(parseExpression(when), { where, names: taskScope })(scope);
  if (typeof value === 'boolean') return value;
  throw failure('CONDITION_NOT_BOOLEAN', { where, expression: when, value: JSON.stringify(value) });
}

/** The task as it gets it: every `${…}` put in, but for the fields that are about rows, which the task compiles itself. */
export function evaluateFields(task: PlannedTask, scope: Scope): unknown {
  return evaluateAt(task.definition as Value, '', {
    part: ops[task.op]!,
    scope,
    where: `task ${task.index + 1} (${task.op})`,
  });
}

interface Fields {
  part: Part;
  scope: Scope;
  where: string;
}

function evaluateAt(value: Value, pointer: string, fields: Fields): Value {
  const info = infoAt(fields.part, pointer);
  if (info !== undefined && isLeftToTask(info)) return value;
  if (typeof value === 'string') {
    const where = `${fields.where} ${pointer.slice(1).replaceAll('/', '.')}`;
    const options: CompileOptions = { where, names: info?.scope ?? taskScope };
    const evaluate = compileValue(value, options);
    return evaluate === undefined ? value : evaluate(fields.scope);
  }
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map((each, i) => evaluateAt(each, `${pointer}/${i}`, fields));
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, evaluateAt(each, `${pointer}/${key}`, fields)]),
  );
}

function isLeftToTask({ literal, expression, tasks, connection, scope }: FieldInfo): boolean {
  return (
    literal === true ||
    expression === true ||
    tasks === true ||
    connection === true ||
    scope?.includes('record') === true
  );
}

/** What the language says of the field at a pointer: its own entry, or that of the nearest field above it. */
function infoAt({ fields }: Part, pointer: string): FieldInfo | undefined {
  const parts = pointer.split('/').slice(1);
  for (let length = parts.length; length > 0; length--) {
    const exact = `/${parts.slice(0, length).join('/')}`;
    const found = fields[exact] ?? fields[`${exact.slice(0, exact.lastIndexOf('/'))}/*`];
    if (found !== undefined) return found;
  }
  return undefined;
}

export interface RowExpression {
  where: string;
  scope: Scope;
  columns?: readonly Column[];
}

const rowScope = ['record', ...taskScope];

/** A bare expression over rows. */
export function compileExpression(source: string, { where, scope, columns }: RowExpression): Evaluator {
  const parsed = parseExpression(source);
  const evaluate = compile(parsed, { where, names: rowScope, columns });
  return overRows(
    evaluate,
    scope,
    columnTypeOf(parsed.ast, columns && new Map(columns.map((column) => [column.name, column]))),
  );
}

/** A value with `${…}` in it over rows. */
export function compileTemplate(value: Value, { where, scope, columns }: RowExpression): Evaluator {
  const evaluate = compileValue(value, { where, names: rowScope, columns }) ?? (() => value);
  return overRows(evaluate, scope, typeof value === 'string' ? templateType(value, columns) : undefined);
}

function templateType(text: string, columns: readonly Column[] | undefined) {
  const { parts } = parseTemplate(text);
  const [only] = parts;
  if (parts.length !== 1 || only === undefined || typeof only === 'string') return 'text';
  return columnTypeOf(only.ast, columns && new Map(columns.map((column) => [column.name, column])));
}

/** One scope object for all rows: making one for each would cost more than most expressions. */
function overRows(evaluate: (scope: ExpressionScope) => Value, outer: Scope, type: Evaluator['type']): Evaluator {
  const scope: ExpressionScope = { ...outer };
  const evaluator = (row: Row): Value => {
    scope.record = row;
    return evaluate(scope);
  };
  return type === undefined ? evaluator : Object.assign(evaluator, { type });
}
