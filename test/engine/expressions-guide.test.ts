// The guide to expressions, example by example, and that it leaves no function out.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Column, Value } from '../../engine/contracts/data.ts';
import { Failure } from '../../engine/errors.ts';
import { functions, macros } from '../../engine/expressions/functions.ts';
import { compile, type ExpressionScope, parseExpression } from '../../engine/expressions.ts';

const guide = readFileSync(new URL('../../docs/guides/expressions.md', import.meta.url), 'utf8');

const columns: Column[] = [{ name: 'total', type: 'decimal' }];
const names = ['record', 'params', 'env', 'run', 'tasks', 'state', 'trigger', 'item', 'index', 'error'];

function scope(): ExpressionScope {
  const record = JSON.parse(/```json\n([\s\S]*?)```/.exec(guide)![1]!) as Value;
  return { record, params: { since: '2024-05-01', most: 3 }, run: { id: 'r1', started: '2024-06-01T06:00:00Z' } };
}

/** The rows of every table that has a column `gives`: the example, what it gives, and the section. */
function examples(): { section: string; expression: string; gives: string }[] {
  const found: { section: string; expression: string; gives: string }[] = [];
  let section = '';
  let header: string[] | undefined;
  for (const line of guide.split('\n')) {
    section = /^#+ (.*)/.exec(line)?.[1] ?? section;
    if (!line.startsWith('|')) {
      header = undefined;
      continue;
    }
    const cells = line.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll('\\|', '|'));
    if (header === undefined) {
      header = cells;
    } else if (!line.startsWith('|---') && header.includes('gives')) {
      const example = header.includes('example') ? header.indexOf('example') : header.indexOf('expression');
      found.push({ section, expression: cells[example]!.slice(1, -1), gives: cells[header.indexOf('gives')]! });
    }
  }
  return found;
}

function evaluate(expression: string): { value: Value } | { error: string } {
  try {
    return { value: compile(parseExpression(expression), { where: 'guide', names, columns })(scope()) };
  } catch (error) {
    if (error instanceof Failure && error.code !== 'BUG') return { error: String(error.data.reason) };
    throw error;
  }
}

describe('the guide', () => {
  test('has its examples', () => expect(examples().length).toBeGreaterThan(120));

  test.each(examples())('$section: $expression gives $gives', ({ expression, gives }) => {
    const expected = gives.startsWith('error: ')
      ? { error: gives.slice('error: '.length) }
      : { value: JSON.parse(gives.replace(/^`+|`+$/g, '')) as Value };
    expect(evaluate(expression)).toEqual(expected);
  });

  const written = examples()
    .map(({ expression }) => expression)
    .join('\n');
  const scopeFunctions = ['secret', 'file'];

  test.each([...functions.keys(), ...macros.keys()].filter((name) => !scopeFunctions.includes(name)))(
    'shows %s',
    (name) => expect(written).toMatch(new RegExp(`(?<![\\w])${name.replace('.', '\\.')}\\(`)),
  );
});
