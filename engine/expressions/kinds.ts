// What kind of value an expression gives, as far as its text and the columns' types tell.
import type { Column } from '../contracts/data.ts';
import { functions, macros } from './functions.ts';
import { type ASTNode, fieldName, namespacedName } from './parse.ts';

export type Kind = 'number' | 'text' | 'boolean' | 'null' | 'list' | 'map' | 'optional';

export type Columns = ReadonlyMap<string, Column>;

const none: ReadonlySet<string> = new Set();

/** Undefined where it cannot be told. `bound`: the variables of macros around, whose values are not known. */
export function kindOf(
  node: ASTNode,
  columns: Columns | undefined,
  bound: ReadonlySet<string> = none,
): Kind | undefined {
  switch (node.op) {
    case 'value':
      return kindOfLiteral(node.args);
    case '.':
    case '.?':
    case '[]':
    case '[?]':
      return kindOfField(node, columns, bound);
    case '+':
    case '-':
    case '*':
    case '/':
    case '%': {
      const [left, right] = [kindOf(node.args[0], columns, bound), kindOf(node.args[1], columns, bound)];
      return left === right && (left === 'number' || (node.op === '+' && (left === 'text' || left === 'list')))
        ? left
        : undefined;
    }
    case '-_':
      return kindOf(node.args, columns, bound) === 'number' ? 'number' : undefined;
    case '?:': {
      const [yes, no] = [kindOf(node.args[1], columns, bound), kindOf(node.args[2], columns, bound)];
      return yes === no ? yes : undefined;
    }
    case 'list':
    case 'map':
      return node.op;
    case 'call':
    case 'rcall':
      return kindOfCall(namespacedName(node, bound) ?? node.args[0]);
    case 'id':
      return undefined;
    default:
      return 'boolean';
  }
}

function kindOfLiteral(value: unknown): Kind | undefined {
  if (value === null) return 'null';
  if (typeof value === 'string') return 'text';
  if (typeof value === 'boolean') return 'boolean';
  return value instanceof Uint8Array ? undefined : 'number';
}

// A chain is optional from its first `.?` on.
function kindOfField(
  node: ASTNode & { args: [ASTNode, unknown] },
  columns: Columns | undefined,
  bound: ReadonlySet<string>,
): Kind | undefined {
  const receiver = node.args[0];
  if (node.op === '.?' || node.op === '[?]' || kindOf(receiver, columns, bound) === 'optional') return 'optional';
  if (receiver.op !== 'id' || receiver.args !== 'record' || bound.has('record')) return undefined;
  const column = columns?.get(fieldName(node) ?? '');
  if (column?.untyped === true) return undefined;
  switch (column?.type) {
    case 'integer':
    case 'double':
    case 'decimal':
      return 'number';
    case 'boolean':
      return 'boolean';
    case 'text':
    case 'uuid':
    case 'date':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
    case 'interval':
      return 'text';
    default:
      return undefined;
  }
}

function kindOfCall(name: string): Kind | undefined {
  if (name === 'has' || name === 'all' || name === 'exists' || name === 'exists_one' || name === 'hasValue')
    return 'boolean';
  if (name === 'optional.of' || name === 'optional.none' || name === 'or') return 'optional';
  if (name === 'map' || name === 'filter') return 'list';
  if (name === 'decimal') return 'number';
  const returns = macros.has(name) ? undefined : functions.get(name)?.returns;
  if (returns === 'double' || returns === 'integer') return 'number';
  return returns === 'any' ? undefined : returns;
}
