// The documents say what is true: their pipes have no mistakes, their links lead somewhere, the README shows the quickstart.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createEngine } from '../index.ts';

const root = join(import.meta.dirname, '..');
const texts = [
  'README.md',
  ...['docs/guides', 'docs/decisions'].flatMap((folder) =>
    readdirSync(join(root, folder)).map((name) => `${folder}/${name}`),
  ),
];
const read = (path: string) => readFileSync(join(root, path), 'utf8');

/** What a document cannot have beside it: the files its pipes read, and what a later version runs. */
const notOfDocuments = new Set(['PATH_NOT_FOUND', 'OPERATION_PENDING', 'UNKNOWN_CONNECTION', 'MODULE_REFUSED']);

describe.each(texts)('%s', (path) => {
  const pipes = [...read(path).matchAll(/```yaml\n([\s\S]*?)```/g)]
    .map(([, yaml]) => yaml!)
    .filter((yaml) => /^tasks:/m.test(yaml));
  test.each(pipes.map((yaml, i) => [i + 1, yaml] as const))('pipe %i has no mistakes', async (_, text) => {
    const { diagnostics } = await createEngine({ folder: root }).check({ text, file: path });
    expect(diagnostics.filter(({ code }) => !notOfDocuments.has(code))).toEqual([]);
  });

  test('links lead to files that are there', () => {
    const links = [...read(path).matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, link]) => link!);
    expect(links.filter((link) => !existsSync(join(root, dirname(path), link)))).toEqual([]);
  });
});

test('the README shows the quickstart as it is', () => {
  const [, shown] = /```yaml\n([\s\S]*?)```/.exec(read('README.md'))!;
  const [, ...lines] = read('examples/quickstart/pipe.yaml').split('\n');
  expect(shown).toBe(lines.join('\n'));
});
