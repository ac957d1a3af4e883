// convert and merge: files of another format, and several streams as one.
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { Column } from '../../../engine/contracts/data.ts';
import { collect, collectFiles, columnsOf, createFiles, failureOf, filesOf, rowsOf, run } from './context.ts';

describe('convert', () => {
  it('turns each file into one of the other format, with its extension', async () => {
    for (const once of [false, true]) {
      const input = filesOf(
        { 'a.csv': 'x,y\n1,2\n', 'deep/b.tsv': 'x\ty\n3\t4\n', 'orders.2026': '{"x":5,"y":6}' },
        once,
      );
      const { output } = await run('convert', { to: 'ndjson' }, input);
      expect(await collectFiles(output)).toEqual({
        'a.ndjson': '{"x":"1","y":"2"}\n',
        'deep/b.ndjson': '{"x":"3","y":"4"}\n',
        'orders.2026.ndjson': '{"x":5,"y":6}\n',
      });
    }
  });

  it('takes the format that comes in and options of both', async () => {
    const params = { input: { name: 'csv', delimiter: ';' }, to: { name: 'csv', delimiter: '|', compression: 'gzip' } };
    const { output } = await run('convert', params, filesOf({ 'a.csv': 'x;y\n1;2\n' }));
    if (output?.kind !== 'files') throw new Error('no files');
    for await (const file of output.files) {
      const chunks: Uint8Array[] = [];
      for await (const chunk of file.open()) chunks.push(chunk);
      expect([file.name, file.path, gunzipSync(Buffer.concat(chunks)).toString()]).toEqual([
        'a.csv.gz',
        'a.csv.gz',
        'x|y\n1|2\n',
      ]);
    }
  });

  it('leaves a file alone that is so already', async () => {
    const odd = '"x"\r\n"1"\r\n';
    const { output } = await run('convert', { to: 'csv' }, filesOf({ 'a.csv': odd, 'b.json': '[{"x":2}]' }));
    expect(await collectFiles(output)).toEqual({ 'a.csv': odd, 'b.csv': 'x\n2\n' });
  });

  it('gives files that later tasks can decode', async () => {
    const { output } = await run(
      'convert',
      { to: { name: 'csv', delimiter: ';' } },
      filesOf({ 'a.json': '[{"x":1,"y":2}]' }),
    );
    const { output: rows } = await run('select', { columns: ['y'] }, output);
    expect(await collect(rows)).toEqual([{ y: '2' }]);
  });

  it('refuses rows, and names the file that cannot be decoded', async () => {
    expect(await failureOf(run('convert', { to: 'csv' }, rowsOf([])))).toMatch(/^OPTION_UNSUPPORTED/);
    const { output } = await run('convert', { to: 'csv' }, filesOf({ 'in/a.json': '{"x":' }));
    expect(await failureOf(collectFiles(output))).toMatch(/in\/a\.json/);
  });
});

describe('merge', () => {
  const columns = columnsOf({ id: 'integer', name: 'text' });
  const merged = (inputs: Record<string, ReturnType<typeof rowsOf>>, schema?: string) =>
    run('merge', { from: Object.keys(inputs), ...(schema && { schema }) }, undefined, { inputs });

  it('puts rows one after the other in the order that is said', async () => {
    const inputs = {
      b: rowsOf([{ id: 1, name: 'a' }], columns),
      a: rowsOf([{ name: 'b', id: 2 }], [...columns].reverse()),
    };
    const { output } = await merged(inputs);
    expect(output).toMatchObject({ kind: 'rows', columns });
    expect((await collect(output)).map(({ id }) => id)).toEqual([1, 2]);
  });

  it('refuses other columns or types unless all of them are wanted', async () => {
    const other = (known: Column[]) => merged({ a: rowsOf([], columns), b: rowsOf([], known) });
    expect(await failureOf(other(columnsOf({ id: 'integer' })))).toBe(
      'COLUMNS_DIFFER b: its columns differ from those of a: without "name"; say `schema: union` to read both',
    );
    expect(await failureOf(other(columnsOf({ id: 'integer', name: 'text', age: 'integer' })))).toContain(
      'with "age" as well',
    );
    expect(await failureOf(other(columnsOf({ id: 'text', name: 'text' })))).toContain('"id" is text and not integer');
  });

  it('takes the columns of all by name', async () => {
    const inputs = {
      a: rowsOf([{ id: 1, name: 'x' }], columns),
      b: rowsOf([{ id: '2', age: 3 }], columnsOf({ id: 'text', age: 'integer' })),
    };
    const { output } = await merged(inputs, 'union');
    expect(output).toMatchObject({
      columns: [
        { name: 'id', untyped: true },
        { name: 'name', nullable: true },
        { name: 'age', nullable: true },
      ],
    });
    expect(await collect(output)).toEqual([
      { id: 1, name: 'x', age: null },
      { id: '2', age: 3, name: null },
    ]);
  });

  it('takes rows as they come where columns are not known', async () => {
    const { output } = await merged({ a: rowsOf([{ id: 1 }], columnsOf({ id: 'integer' })), b: rowsOf([{ x: 2 }]) });
    expect(output).not.toHaveProperty('columns');
    expect(await collect(output)).toEqual([{ id: 1 }, { x: 2 }]);
  });

  it('passes no checkpoints on', async () => {
    const batches = (async function* () {
      yield { rows: [{ id: 1 }], checkpoint: 7 };
    })();
    const { output } = await run('merge', { from: ['a'] }, undefined, { inputs: { a: { kind: 'rows', batches } } });
    if (output?.kind !== 'rows') throw new Error('no rows');
    for await (const batch of output.batches) expect(batch).toEqual({ rows: [{ id: 1 }] });
  });

  it('keeps files as files, and mixes files with rows as rows', async () => {
    const files = { a: filesOf({ 'a.csv': 'x\n1\n' }), b: filesOf({ 'b.csv': 'x\n2\n' }) };
    const { output } = await run('merge', { from: ['a', 'b'] }, undefined, { inputs: files });
    expect(await collectFiles(output)).toEqual({ 'a.csv': 'x\n1\n', 'b.csv': 'x\n2\n' });
    const mixed = { a: filesOf({ 'a.csv': 'x\n1\n' }), b: rowsOf([{ x: '2' }], columnsOf({ x: 'text' })) };
    const { output: rows } = await run('merge', { from: ['a', 'b'] }, undefined, { inputs: mixed });
    expect(await collect(rows)).toEqual([{ x: '1' }, { x: '2' }]);
  });

  it('keeps apart how files of different tasks are decoded', async () => {
    const files = createFiles({ 'a.csv': 'x;y\n1;2\n', 'b.csv': 'x,y\n3,4\n' });
    const a = await run('read', { path: 'a.csv', format: { name: 'csv', delimiter: ';' } }, undefined, { files });
    const b = await run('read', { path: 'b.csv' }, undefined, { files });
    const { output } = await run('merge', { from: ['a', 'b'] }, undefined, { inputs: { a: a.output!, b: b.output! } });
    expect(await collect(output)).toEqual([
      { x: '1', y: '2' },
      { x: '3', y: '4' },
    ]);
  });

  it('closes all of its inputs when no more is wanted', async () => {
    const inputs = { a: rowsOf([{ id: 1 }, { id: 2 }, { id: 3 }]), b: rowsOf([{ id: 4 }]) };
    const { output } = await merged(inputs);
    const { output: some } = await run('limit', { rows: 1 }, output);
    expect(await collect(some)).toEqual([{ id: 1 }]);
    expect(inputs.a.closed).toBe(true);
    expect(inputs.b.pulled).toBe(0);
    expect((await inputs.b.batches[Symbol.asyncIterator]().next()).done).toBe(true);
  });
});
