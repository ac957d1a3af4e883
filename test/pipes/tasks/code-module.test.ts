// code with a module of the project: rows, batches, the stream, what it may give back, and who may call it.
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Row } from '../../../engine/contracts/data.ts';
import { type OwnEngine, ownEngine } from '../../engine/own-engine.ts';

let own: OwnEngine;

const functions = `
export const tidy = (record, { suffix }) => ({ ...record, name: record.name + suffix });
export const twice = (record) => [record, { ...record, id: record.id + 100 }];
export const odd = (record) => (record.id % 2 === 1 ? record : null);
export const values = () => ({ big: 2n ** 70n, bytes: new Uint8Array([0, 255]), list: [1n, null], decimal: '0.10', no: null });
export const sums = async (records) => {
  await new Promise((resolve) => setImmediate(resolve));
  return [{ count: records.length, first: records[0].id }];
};
export async function* all(batches) {
  let count = 0;
  for await (const records of batches) count += records.length;
  yield [{ count }];
}
export function broken(record) {
  if (record.id === 3) throw new TypeError('no such street');
  return record;
}
export const nothing = () => {};
export const promise = async (record) => record;
export const date = () => ({ at: new Date(0) });
export const text = () => 'x';
export const one = (records) => records[0];
export const early = async function* (batches) { for await (const records of batches) { yield records; return; } };
export const number = 1;
`;

beforeAll(() => {
  own = ownEngine();
  own.put('pipewright.yaml', '');
  own.put('code.mjs', functions);
  own.put('a.ndjson', Array.from({ length: 5 }, (_, i) => `{"id":${i + 1},"name":"n${i + 1}"}`).join('\n'));
});
afterAll(() => own.close());

let number = 0;
async function rowsOf(task: object, folder = '.'): Promise<Row[]> {
  number++;
  const out = join(own.folder, `out${number}.ndjson`);
  const read = { op: 'read', path: `file://${join(own.folder, 'a.ndjson')}` };
  const file = own.put(
    `${folder}/pipe${number}.json`,
    JSON.stringify({ tasks: [read, { op: 'code', ...task }, { op: 'write', path: `file://${out}` }] }),
  );
  await own.engine.run(file).result;
  return own
    .text(`out${number}.ndjson`)!
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line)) as Row[];
}
const failed = (task: object, folder?: string) =>
  rowsOf(task, folder).then(
    () => 'done',
    (error) =>
      `${error.code} ${error.message}${error.diagnostics === undefined ? '' : `\n${error.diagnostics.text()}`}`,
  );

describe('a function of a module', () => {
  it('gets each row and gives one, several or none', async () => {
    expect(await rowsOf({ module: './code.mjs#tidy', params: { suffix: '!' } })).toHaveLength(5);
    expect((await rowsOf({ module: 'code.mjs#tidy', params: { suffix: '${run.id.substring(0, 3)}' } }))[0]).toEqual({
      id: 1,
      name: 'n1run',
    });
    expect((await rowsOf({ module: 'code.mjs#twice' })).map(({ id }) => id)).toEqual([
      1, 101, 2, 102, 3, 103, 4, 104, 5, 105,
    ]);
    expect((await rowsOf({ module: 'code.mjs#odd' })).map(({ id }) => id)).toEqual([1, 3, 5]);
  });

  it('gets batches, which it may await, or the whole stream', async () => {
    expect(await rowsOf({ module: 'code.mjs#sums', per: 'batch' })).toEqual([{ count: 5, first: 1 }]);
    expect(await rowsOf({ module: 'code.mjs#all', per: 'stream' })).toEqual([{ count: 5 }]);
    expect(await rowsOf({ module: 'code.mjs#early', per: 'stream' })).toHaveLength(5);
  });

  it('gives values without loss, and the columns that are told', async () => {
    const columns = { big: 'integer', bytes: 'binary', list: 'json', decimal: 'decimal', no: 'text', gone: 'text' };
    await rowsOf({ module: 'code.mjs#values', columns });
    expect(own.text(`out${number}.ndjson`)).toMatch(
      /^\{"big":1180591620717411303424,"bytes":"AP8=","list":\[1,null\],"decimal":"?0\.10"?,"no":null,"gone":null\}/,
    );
  });

  it.each([
    [
      { module: 'code.mjs#broken' },
      /^CODE_FAILED task 2 \(code\): code\.mjs#broken failed on record 3: TypeError: no such street \(code\.mjs:16:\d+\)$/,
    ],
    [
      { module: 'code.mjs#nothing' },
      /^CODE_RESULT task 2 \(code\): code\.mjs#nothing returned nothing for record 1; it must give a record, a list of records, or null to drop it$/,
    ],
    [{ module: 'code.mjs#promise' }, /returned a promise for record 1; .* `per: batch`/],
    [{ module: 'code.mjs#date' }, /returned a Date in "at" for record 1; a time is text; use toISOString\(\)$/],
    [{ module: 'code.mjs#text' }, /returned the string x for record 1; a record is a plain object/],
    [
      { module: 'code.mjs#one', per: 'batch' },
      /returned an object for records 1 to 5; it must give a list of records$/,
    ],
    [
      { module: 'code.mjs#twice', columns: { id: 'text', name: 'text' } },
      /returned the number 1 in "id" for record 1; `columns` says text, which is text$/,
    ],
    [
      { module: 'code.mjs#twice', columns: { id: 'integer', nam: 'text' } },
      /returned a column "name" for record 1; `columns` does not have it; did you mean "nam"\?$/,
    ],
    [
      { module: 'code.mjs#tidi' },
      /^MODULE_INVALID task 2 \(code\): code\.mjs has no function "tidi"; code\.mjs exports the functions /,
    ],
    [{ module: 'code.mjs#number' }, /code\.mjs exports "number", which is no function$/],
    [
      { module: 'code.mjs#tidy', memory: '1MiB' },
      /^OPTION_UNSUPPORTED `memory` is not supported by task 2 \(code\) with a module/,
    ],
  ])('%j is told', async (task, message) => {
    expect(await failed(task)).toMatch(message);
  });

  it('a module that is not there, or broken, is told with its place', async () => {
    own.put('bad.mjs', 'export const = 1;');
    expect(await failed({ module: './cod.mjs#tidy' })).toMatch(
      /pipe\d+\.json:1:\d+ MODULE_INVALID task 2 \(code\): the module \.\/cod\.mjs does not exist; did you mean "code\.mjs"\?/,
    );
    expect(await failed({ module: './bad.mjs#tidy' })).toMatch(/^MODULE_INVALID .*bad\.mjs cannot be loaded: /);
    expect(await failed({ module: './code.mjs' })).toMatch(/PATTERN/);
    expect(await failed({})).toMatch(/MISSING_KEY/);
  });
});

describe('who may call one', () => {
  it('not a definition as text or as a value, unless its program names the folder', async () => {
    const tasks = [
      { op: 'read', path: 'a.ndjson' },
      { op: 'code', module: './code.mjs#odd' },
      { op: 'write', path: 'value.ndjson' },
    ];
    for (const source of [{ text: JSON.stringify({ tasks }) }, { name: 'value', tasks } as never]) {
      const error = await own.engine.run(source).result.catch((thrown) => thrown);
      expect(error.diagnostics.text()).toMatch(
        /MODULE_REFUSED .*this definition is no file of a project; use `script`/,
      );
    }
    await own.engine.run({ name: 'value', tasks } as never, { modules: own.folder }).result;
    expect(own.text('value.ndjson')).toMatch(/^\{"id":1,/);
  });

  it('not one outside of the project, nor through a link', async () => {
    mkdirSync(join(own.folder, 'inner'), { recursive: true });
    own.put('inner/pipewright.yaml', '');
    writeFileSync(join(own.folder, 'inner/own.mjs'), functions);
    symlinkSync(join(own.folder, 'code.mjs'), join(own.folder, 'inner/linked.mjs'));
    expect(await rowsOf({ module: './own.mjs#odd' }, 'inner')).toHaveLength(3);
    expect(await failed({ module: '../code.mjs#odd' }, 'inner')).toMatch(
      /MODULE_REFUSED .*it is outside of .*inner, the folder/,
    );
    expect(await failed({ module: './linked.mjs#odd' }, 'inner')).toMatch(
      /MODULE_REFUSED .*it is a link that leads out of/,
    );
    const outside = own.put(
      'outside.yaml',
      `tasks:\n  - { op: read, path: own.mjs, format: lines }\n  - { op: code, module: ./own.mjs#odd }\n  - { op: write, path: "-" }\n`,
    );
    symlinkSync(outside, join(own.folder, 'inner/linked.yaml'));
    const { diagnostics } = await own.engine.check(join(own.folder, 'inner/linked.yaml'));
    expect(diagnostics).toMatchObject([{ code: 'MODULE_REFUSED', line: 3 }]);
  });
});
