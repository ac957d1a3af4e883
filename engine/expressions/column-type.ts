// The column type of what an expression gives, where its text and the columns it reads tell it exactly.
import type { Column, ColumnType } from '../contracts/data.ts';
import { functions, macros } from './functions.ts';
import type { Columns } from './kinds.ts';
import { type ASTNode, fieldName, namespacedName } from './parse.ts';

const none: ReadonlySet<string> = new Set();

/** Undefined where only the values can tell. */
export function columnTypeOf(node: ASTNode, columns: Columns | undefined): ColumnType | undefined {
  switch (node.op) {
    case 'value':
      return literalType(node.args);
    case '.':
    case '[]': {
      const [receiver] = node.args;
      return receiver.op === 'id' && receiver.args === 'record'
        ? knownType(columns?.get(fieldName(node) ?? ''))
        : undefined;
    }
    case '+':
    case '-':
    case '*':
    case '/':
    case '%':
      return arithmeticType(node.op, columnTypeOf(node.args[0], columns), columnTypeOf(node.args[1], columns));
    case '-_': {
      const type = columnTypeOf(node.args, columns);
      return isNumeric(type) ? type : undefined;
    }
    case '?:': {
      const [yes, no] = [columnTypeOf(node.args[1], columns), columnTypeOf(node.args[2], columns)];
      return yes === no ? yes : undefined;
    }
    case 'call':
    case 'rcall':
      return callType(namespacedName(node, none) ?? node.args[0]);
    case '==':
    case '!=':
    case '<':
    case '<=':
    case '>':
    case '>=':
    case '&&':
    case '||':
    case '!_':
    case 'in':
      return 'boolean';
    default:
      return undefined;
  }
}

function knownType(column: Column | undefined): ColumnType | undefined {
  return column?.untyped === true ? undefined : column?.type;
}

function literalType(value: unknown): ColumnType | undefined {
  if (typeof value === 'bigint') return 'integer';
  if (typeof value === 'number') return 'double';
  if (typeof value === 'boolean') return 'boolean';
  return typeof value === 'string' ? 'text' : undefined;
}

function isNumeric(type: ColumnType | undefined): boolean {
  return type === 'integer' || type === 'double' || type === 'decimal';
}

function arithmeticType(
  op: string,
  left: ColumnType | undefined,
  right: ColumnType | undefined,
): ColumnType | undefined {
  if (op === '+' && left === 'text' && right === 'text') return 'text';
  if (!isNumeric(left) || !isNumeric(right)) return undefined;
  if (left === 'decimal' || right === 'decimal') return left === 'double' || right === 'double' ? undefined : 'decimal';
  if (left === 'double' || right === 'double') return 'double';
  // The integers of a column divide as numbers do, those of an expression as CEL's do.
  return op === '/' ? undefined : 'integer';
}

function callType(name: string): ColumnType | undefined {
  if (name === 'decimal') return 'decimal';
  const returns = macros.has(name) ? undefined : functions.get(name)?.returns;
  return returns === 'double' || returns === 'integer' || returns === 'text' || returns === 'boolean'
    ? returns
    : undefined;
}
