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
  type Evaluate,
  type ExpressionScope,
  parseExpression,
  parseTemplate,
} from './expressions.ts';
import type { PlannedTask } from './plan.ts';

/** The values of all names but `record`; `tasks` grows as tasks end. */
export type Scope = ExpressionScope & { tasks: Record<string, Value> };

/** The scope of a run that begins. */
export function outerScope({
  params,
  run,
  trigger = null,
}: {
  params: Record<string, Value>;
  run: Record<string, Value>;
  trigger?: Value;
}): Scope {
  return { params, run, env: environment(), tasks: {}, state: {}, trigger };
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
  return task.definition.when === undefined || isTrueField(task, 'when', scope);
}

/** What the expression of a field gives, which must be true or false. */
export function isTrueField(task: PlannedTask, field: string, scope: Scope): boolean {
  const value = evaluateField(task, field, scope);
  if (typeof value === 'boolean') return value;
  const expression = String(task.definition[field]);
  const where = `${task.label} ${field}`;
  throw failure('CONDITION_NOT_BOOLEAN', { where, expression, value: JSON.stringify(value) });
}

/** What the expression of a field gives, outside of rows. */
export function evaluateField(task: PlannedTask, field: string, scope: Scope): Value {
  const evaluate = compiledOnce(task, field, () =>
    compile(parseExpression(String(task.definition[field])), { where: `${task.label} ${field}`, names: taskScope }),
  );
  return evaluate!(scope);
}

/** By the definition of a task and by pointer: a task in a foreach is run for each item. */
const compiled = new WeakMap<object, Map<string, Evaluate | undefined>>();

function compiledOnce(
  { definition }: PlannedTask,
  key: string,
  make: () => Evaluate | undefined,
): Evaluate | undefined {
  let known = compiled.get(definition);
  if (known === undefined) {
    known = new Map();
    compiled.set(definition, known);
  }
  if (!known.has(key)) known.set(key, make());
  return known.get(key);
}

/** The task as it gets it: every `${…}` put in, but for the fields that are about rows, which the task compiles itself. */
export function evaluateFields(task: PlannedTask, scope: Scope): unknown {
  return evaluateAt(task.definition as Value, '', { task, part: ops[task.op]!, scope });
}

interface Fields {
  task: PlannedTask;
  part: Part;
  scope: Scope;
}

function evaluateAt(value: Value, pointer: string, fields: Fields): Value {
  const info = infoAt(fields.part, pointer);
  if (info !== undefined && isLeftToTask(info)) return value;
  if (typeof value === 'string') {
    if (!value.includes('${')) return value;
    const evaluate = compiledOnce(fields.task, pointer, () => {
      const where = `${fields.task.label} ${pointer.slice(1).replaceAll('/', '.')}`;
      const options: CompileOptions = { where, names: info?.scope ?? taskScope };
      return compileValue(value, options);
    });
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
