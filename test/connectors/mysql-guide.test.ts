// The guide to databases says of every type of MySQL what the code does.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { knownTypes, newTypes } from '../../connectors/mysql/types.ts';

const guide = readFileSync(new URL('../../docs/guides/databases.md', import.meta.url), 'utf8');

function table(heading: string): string[][] {
  const section = guide.split(`### ${heading}\n`)[1]!.split(/\n##+ /)[0]!;
  const lines = section.split('\n').filter((line) => line.startsWith('| `'));
  return lines.map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

test('types of MySQL and MariaDB', () => {
  const rows = Object.entries(knownTypes).map(([native, { type, values = '' }]) => [`\`${native}\``, type, values]);
  expect(table('Types of MySQL and MariaDB')).toEqual(rows);
});

test('types of new columns', () => {
  expect(table('Types of new columns in MySQL')).toEqual(
    Object.entries(newTypes).map(([type, native]) => [`\`${type}\``, `\`${native}\``]),
  );
});
