// The types that `pipe types` writes: that TypeScript takes them, and that they type embedded use.
import { join } from 'node:path';
import ts from 'typescript';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type OwnEngine, ownEngine } from './own-engine.ts';

const root = join(import.meta.dirname, '../..');
let own: OwnEngine;

beforeAll(() => {
  own = ownEngine();
  own.put(
    'orders.yaml',
    `params:
  since: { type: string, description: "From */ when" }
  most: { type: integer, default: 5 }
  mode: { type: string, enum: [full, new], required: false }
  tags: { type: array, items: string, default: [] }
tasks:
  - { op: read, path: orders.ndjson }
  - { op: write, path: "-" }
`,
  );
  own.put('not-a-pipe.yaml', 'op: none\n');
  own.put('orders.ndjson', '{"id":1,"a b":"x","on":true,"rest":{"n":1},"null":null}\n');
});
afterAll(() => own.close());

/** What TypeScript says of a program that uses the types; paths resolve to the sources. */
async function complaints(program: string): Promise<string[]> {
  const { text } = await own.engine.types();
  const types = own.put('pipewright.d.ts', text);
  own.put('package.json', '{"type":"module"}');
  const use = own.put(
    'use.ts',
    `import { createEngine } from 'pipewright';\nconst engine = createEngine();\n${program}`,
  );
  const { options } = ts.parseJsonConfigFileContent(
    ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile).config,
    ts.sys,
    root,
  );
  const compiled = ts.createProgram([types, use], {
    ...options,
    paths: { pipewright: [join(root, 'index.ts')] },
    typeRoots: [join(root, 'node_modules/@types')],
  });
  return [types, use].flatMap((file) =>
    [
      ...compiled.getSyntacticDiagnostics(compiled.getSourceFile(file)),
      ...compiled.getSemanticDiagnostics(compiled.getSourceFile(file)),
    ].map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' ')),
  );
}

it('types rows and params, and leaves what is not known open', async () => {
  const found = await complaints(`
    for await (const row of engine.read('orders.ndjson')) {
      const id: number | bigint = row.id;
      const text: string = row['a b'];
      const on: boolean = row.on;
      void [id, text, on, row.rest, row.null];
    }
    for await (const row of engine.read('other.csv')) void row.anything;
    await engine.run('orders.yaml', { params: { since: '2026-01-01', mode: 'new', tags: ['a'] } }).result;
    await engine.run('other.yaml', { params: { any: 1 } }).result;
    await engine.run({ tasks: [{ op: 'read', path: 'a.csv' }] }).result;
  `);
  expect(found).toEqual([]);
}, 60_000);

it('refuses what does not fit', async () => {
  const found = await complaints(`
    for await (const row of engine.read('orders.ndjson')) void row.nothing;
    engine.run('orders.yaml', { params: { since: 5 } });
    engine.run('orders.yaml', { params: { since: 'x', mode: 'other' } });
    engine.run('orders.yaml', { params: {} });
  `);
  expect(found).toHaveLength(4);
  expect(found[0]).toContain("Property 'nothing' does not exist");
}, 60_000);
