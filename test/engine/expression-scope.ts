// A scope with values of every kind, and what an expression gives in it.
import type { Column, Value } from '../../engine/contracts/data.ts';
import { Failure } from '../../engine/errors.ts';
import { compile, type ExpressionScope, parseExpression } from '../../engine/expressions.ts';

export const names = ['record', 'params', 'env', 'run', 'tasks', 'item', 'secret'];
export const columns: Column[] = [
  { name: 'total', type: 'decimal' },
  { name: 'fee', type: 'decimal' },
];

export const scope: ExpressionScope = {
  record: {
    n: 5,
    f: 0.5,
    seconds: 90,
    big: 9007199254740993n,
    qty: '12',
    word: 'abc',
    blank: '',
    on: 'true',
    nothing: null,
    total: '100.10',
    fee: null,
    bytes: new Uint8Array([1, 2]),
    list: [1, 2],
    mixed: [1, 'x', null],
    address: { city: 'Oslo', 'post code': '0150' },
    moment: '2024-05-31T23:30:00.123456+02:00',
    __proto__: null,
  } as unknown as Value,
  params: { since: '2024-05-01', most: 3, digits: '7' },
  env: { HOME: '/home/x' },
  run: { started: '2024-06-01T06:00:00Z' },
  tasks: { load: { rows: 3 } },
  item: 'each',
};

export function evaluate(source: string, others: ExpressionScope = {}): Value {
  return compile(parseExpression(source), { where: 'task 2 (set)', names, columns })({ ...scope, ...others });
}

export function failureOf(run: () => unknown): Failure {
  try {
    run();
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
