// The guide to databases says of every type what the code does.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { knownTypes, newTypes } from '../../connectors/postgres/types.ts';

const guide = readFileSync(new URL('../../docs/guides/databases.md', import.meta.url), 'utf8');

function table(heading: string): string[][] {
  const section = guide.split(`## ${heading}\n`)[1]!.split('\n## ')[0]!;
  const lines = section.split('\n').filter((line) => line.startsWith('| `'));
  return lines.map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

test('types of Postgres', () => {
  const rows = Object.entries(knownTypes).map(([native, { type, values = '' }]) => [`\`${native}\``, type, values]);
  expect(table('Types of Postgres')).toEqual(rows);
});

test('types of new columns', () => {
  expect(table('Types of new columns')).toEqual(
    Object.entries(newTypes).map(([type, native]) => [`\`${type}\``, `\`${native}\``]),
  );
});
