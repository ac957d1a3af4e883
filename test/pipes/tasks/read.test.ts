// read: files, patterns, stdin, and what connectors that store rows give.
import { utimesSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { AnyConnector, ReadOptions } from '../../../engine/contracts/connector.ts';
import type { Stream } from '../../../engine/contracts/data.ts';
import { collect, collectFiles, createFiles, failureOf, rowsOf, run } from './context.ts';

/** A store of rows that remembers what it was asked for. */
function database(capabilities: ('read' | 'query')[] = ['read', 'query']) {
  const asked: unknown[] = [];
  const connector: AnyConnector = {
    name: 'database',
    capabilities,
    stores: 'rows',
    open: () => ({
      ...(capabilities.includes('read')
        ? {
            async read(path: string, { signal: _, ...options }: ReadOptions) {
              asked.push({ path, ...options });
              return rowsOf([{ id: 1 }]);
            },
          }
        : {}),
      async query(statement: string, parameters: unknown, { readOnly }: { readOnly?: boolean }) {
        asked.push({ statement, parameters, readOnly });
        return rowsOf([{ id: 2 }]);
      },
      verify: async () => ({ ok: true }),
      close: async () => {},
    }),
  };
  return { asked, connections: { shop: { connector, config: {} } } };
}

const rowsFrom = async (stream: Stream | undefined, params: object, setting = {}) => {
  const { output } = await run('select', { columns: ['id'], ...params }, stream, setting);
  return collect(output);
};

describe('read of files', () => {
  const files = () =>
    createFiles({
      'in/a.csv': 'id,n\n1,x\n',
      'in/b.csv': 'id,n\n2,y\n',
      'in/deep/c.csv': 'id,n\n3,z\n',
      'in/d.txt': 'no',
    });

  it('gives a file with its bytes', async () => {
    const { output } = await run('read', { path: 'in/a.csv' }, undefined, { files: files() });
    expect(await collectFiles(output)).toEqual({ 'a.csv': 'id,n\n1,x\n' });
  });

  it('gives the files of a pattern in the order of their names', async () => {
    const { output } = await run('read', { path: 'in/**/*.csv' }, undefined, { files: files() });
    expect(Object.keys(await collectFiles(output))).toEqual(['a.csv', 'b.csv', 'deep/c.csv']);
    const { output: some } = await run('read', { path: 'in/{a,b}.csv' }, undefined, { files: files() });
    expect(await rowsFrom(some, {})).toEqual([{ id: '1' }, { id: '2' }]);
  });

  it('gives files by time, and only those of a span of time', async () => {
    const some = files();
    const days = { 'a.csv': 3, 'b.csv': 1 };
    for (const [name, day] of Object.entries(days))
      utimesSync(join(some.folder, 'in', name), 0, Date.UTC(2026, 0, day) / 1000);
    const names = async (params: object) => {
      const { output } = await run('read', { path: 'in/*.csv', ...params }, undefined, { files: some });
      return Object.keys(await collectFiles(output));
    };
    expect(await names({ order: 'modified' })).toEqual(['b.csv', 'a.csv']);
    expect(await names({ since: '2026-01-02' })).toEqual(['a.csv']);
    expect(await names({ until: '2026-01-03' })).toEqual(['b.csv']);
    expect(await names({ path: 'in/a.csv', until: '2026-01-03' })).toEqual([]);
    expect(await names({ path: 'in/a.csv', since: '2026-01-03' })).toEqual(['a.csv']);
  });

  it('carries how the files are to be decoded', async () => {
    const some = createFiles({ 'a.csv': 'id;n\n1;x\n', 'b.csv': 'n;id\ny;2\n' });
    const params = {
      path: '*.csv',
      format: { name: 'csv', delimiter: ';' },
      columns: ['id'],
      file_column: 'file',
      schema: 'union',
    };
    const { output } = await run('read', params, undefined, { files: some });
    const { output: rows } = await run('limit', { rows: 10 }, output);
    const [first, second] = await collect(rows);
    expect(first).toEqual({ id: '1', file: expect.stringMatching(/a\.csv$/) });
    expect(second).toEqual({ id: '2', file: expect.stringMatching(/b\.csv$/) });
  });

  it('refuses files whose columns differ, unless all columns are asked for', async () => {
    const some = createFiles({ 'a.csv': 'id,n\n1,x\n', 'b.csv': 'n,id\ny,2\n', 'c.csv': 'id,m\n3,z\n' });
    const read = async (path: string, params = {}) => {
      const { output } = await run('read', { path, ...params }, undefined, { files: some });
      const { output: rows } = await run('limit', { rows: 10 }, output);
      return collect(rows);
    };
    for (const params of [{ schema: 'strict' }, {}]) {
      const message = await failureOf(read('*.csv', params));
      expect(message).toMatch(/^COLUMNS_DIFFER \S*c\.csv: its columns differ from those of \S*a\.csv: /);
      expect(message).toContain('without n and with m as well; say `schema: union` to read both');
      expect(await read('{a,b}.csv', params)).toEqual([
        { id: '1', n: 'x' },
        { id: '2', n: 'y' },
      ]);
    }
    expect(await read('*.csv', { schema: 'union' })).toEqual([
      { id: '1', n: 'x', m: null },
      { id: '2', n: 'y', m: null },
      { id: '3', n: null, m: 'z' },
    ]);
  });

  it('adds when a file was changed', async () => {
    const some = files();
    utimesSync(join(some.folder, 'in/a.csv'), 0, Date.UTC(2026, 0, 5) / 1000);
    const { output } = await run('read', { path: 'in/a.csv', modified_column: 'at' }, undefined, { files: some });
    expect(await rowsFrom(output, { columns: ['id', 'at'] })).toEqual([{ id: '1', at: '2026-01-05T00:00:00.000Z' }]);
  });

  it('fails on what is not there, or goes on with nothing', async () => {
    const setting = { files: files() };
    expect(await failureOf(run('read', { path: 'in/x.csv' }, undefined, setting))).toMatch(
      /^NOT_FOUND .*x\.csv is not there/,
    );
    const { output } = await run('read', { path: 'in/*.json' }, undefined, setting);
    expect(await failureOf(collectFiles(output))).toMatch(/^NOT_FOUND .*no file fits this pattern$/);
    for (const path of ['in/x.csv', 'in/*.json', 'out/*.csv']) {
      const nothing = await run('read', { path, missing: 'empty' }, undefined, setting);
      expect(await collectFiles(nothing.output)).toEqual({});
    }
  });

  it('refuses a folder and what only tables have', async () => {
    const setting = { files: files() };
    expect(await failureOf(run('read', { path: 'in' }, undefined, setting))).toMatch(/^FILE_IS_FOLDER/);
    for (const [option, value] of Object.entries({
      where: 'a = 1',
      filters: { a: 1 },
      partition: 'auto',
      parameters: [1],
    })) {
      for (const path of ['in/a.csv', 'in/*.csv']) {
        const message = await failureOf(run('read', { path, [option]: value }, undefined, setting));
        expect(message).toBe(`OPTION_UNSUPPORTED \`${option}\` is not supported by files (${path})`);
      }
    }
    expect(await failureOf(run('read', { path: 'in/a.csv', cursor: 'id' }, undefined, setting))).toMatch(
      /^OPTION_UNSUPPORTED `cursor` is not supported by files/,
    );
  });
});

describe('read of stdin', () => {
  it('gives its bytes, in the format that is said', async () => {
    const { output } = await run('read', { path: '-', format: 'ndjson' }, undefined, { stdin: '{"id":1}\n{"id":2}\n' });
    expect(await rowsFrom(output, {})).toEqual([{ id: 1 }, { id: 2 }]);
  });

  it('fails when there is none', async () => {
    const { output } = await run('read', { path: '-', format: 'csv' });
    expect(await failureOf(rowsFrom(output, {}))).toMatch(/^STDIN_CLOSED/);
    expect(await failureOf(run('read', { path: '-', since: '2026-01-01' }))).toMatch(
      /`since` is not supported by stdin$/,
    );
  });
});

describe('read of a store of rows', () => {
  it('hands over what is asked for', async () => {
    const { asked, connections } = database();
    const params = {
      path: '/shop/public/orders?*',
      columns: ['id'],
      where: 'total > $1',
      parameters: [5],
      filters: { status: 'paid' },
      partition: { by: 'id' },
    };
    const { output } = await run('read', params, undefined, { connections });
    expect(await collect(output)).toEqual([{ id: 1 }]);
    await run('read', { path: 'orders', connection: 'shop', partition: 4 }, undefined, { connections });
    await run('read', { path: 'orders', connection: 'shop', partition: 'auto' }, undefined, { connections });
    expect(asked).toEqual([
      {
        path: 'public/orders?*',
        columns: ['id'],
        where: 'total > $1',
        parameters: [5],
        filters: { status: 'paid' },
        partition: { by: 'id', into: 'auto' },
      },
      { path: 'orders', partition: { into: 4 } },
      { path: 'orders', partition: { into: 'auto' } },
    ]);
  });

  it('runs a query that can only read', async () => {
    const { asked, connections } = database();
    const params = { connection: 'shop', query: 'select id from orders where day > $1', parameters: ['2026-01-01'] };
    const { output } = await run('read', params, undefined, { connections });
    expect(await collect(output)).toEqual([{ id: 2 }]);
    expect(asked).toEqual([{ statement: params.query, parameters: params.parameters, readOnly: true }]);
  });

  it('refuses what only files have', async () => {
    const { connections } = database();
    for (const option of ['format', 'since', 'schema', 'order', 'file_column', 'modified_column']) {
      const params = { path: '/shop/orders', [option]: 'union' };
      expect(await failureOf(run('read', params, undefined, { connections }))).toBe(
        `OPTION_UNSUPPORTED \`${option}\` is not supported by tables and resources (/shop/orders)`,
      );
    }
    const both = { connection: 'shop', query: 'select 1', where: 'a' };
    expect(await failureOf(run('read', both, undefined, { connections }))).toBe(
      'OPTION_UNSUPPORTED `where` is not supported by `query`; the query says what to read',
    );
  });

  it('says what a connection cannot do', async () => {
    const { connections } = database(['query']);
    expect(await failureOf(run('read', { path: '/shop/orders' }, undefined, { connections }))).toBe(
      'CAPABILITY_MISSING /shop/orders (connector database) cannot be read from',
    );
    expect(
      await failureOf(
        run('read', { query: 'select 1', connection: 'files' }, undefined, {
          connections: { files: { connector: 'local', config: {} } },
        }),
      ),
    ).toMatch(/^CAPABILITY_MISSING \/files\/ \(connector local\) cannot run SQL/);
    expect(await failureOf(run('read', { query: 'select 1' }))).toMatch(
      /^OPTION_UNSUPPORTED `query` is not supported by a read task without `connection`/,
    );
  });
});
