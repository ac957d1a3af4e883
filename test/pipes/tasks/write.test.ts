// write: to files, tables and stdout; joined, split, converted or as they are; passed on; rejects kept.
import { readdirSync } from 'node:fs';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { AnyConnector, WriteOptions } from '../../../engine/contracts/connector.ts';
import type { Row } from '../../../engine/contracts/data.ts';
import { failure } from '../../../engine/errors.ts';
import {
  collect,
  collectFiles,
  columnsOf,
  createFiles,
  type Files,
  failureOf,
  filesOf,
  rowsOf,
  run,
} from './context.ts';

const columns = columnsOf({ id: 'integer', name: 'text' });
const people: Row[] = [
  { id: 1, name: 'Ada' },
  { id: 2, name: 'Grace' },
  { id: 3, name: 'Edsger' },
];
const csv = 'id,name\n1,Ada\n2,Grace\n3,Edsger\n';

const written = (files: Files) => readdirSync(files.folder, { recursive: true, encoding: 'utf8' }).sort();

describe('write of rows', () => {
  it('encodes them by the extension or the format, compressed where the name says so', async () => {
    const files = createFiles();
    const to = (path: string, params = {}) => run('write', { path, ...params }, rowsOf(people, columns), { files });
    await to('out/a.csv');
    await to('a.csv.gz');
    await to('a.dat', { format: 'ndjson' });
    expect(files.text('out/a.csv')).toBe(csv);
    expect(gunzipSync(files.bytes('a.csv.gz')).toString()).toBe(csv);
    expect(files.text('a.dat').split('\n')[0]).toBe('{"id":1,"name":"Ada"}');
  });

  it('counts rows, bytes and files, and says what was written', async () => {
    const files = createFiles();
    const { figures, result, output } = await run('write', { path: 'a.csv' }, rowsOf(people, columns), { files });
    expect(output).toBe(undefined);
    expect(figures).toMatchObject({ rows: 3, bytes: csv.length, files: 1 });
    expect(result).toEqual({ paths: [expect.stringMatching(/a\.csv$/)] });
  });

  it('takes the place of what is there, adds to it, or refuses', async () => {
    const files = createFiles({ 'a.csv': csv, 'b.csv': csv });
    const to = (path: string, mode?: string) =>
      run('write', { path, ...(mode && { mode }) }, rowsOf([{ id: 4, name: 'Alan' }], columns), { files });
    await to('a.csv', 'append');
    await to('new.csv', 'append');
    await to('b.csv');
    expect(files.text('a.csv')).toBe(`${csv}4,Alan\n`);
    expect(files.text('new.csv')).toBe('id,name\n4,Alan\n');
    expect(files.text('b.csv')).toBe('id,name\n4,Alan\n');
    expect(await failureOf(to('b.csv', 'create'))).toMatch(/^TARGET_EXISTS/);
    expect(await failureOf(to('b.csv', 'upsert'))).toMatch(/^OPTION_UNSUPPORTED `mode: upsert`/);
  });

  it('evaluates its path, which it gets as it was written', async () => {
    const files = createFiles();
    await run('write', { path: 'out-${params.least}.csv' }, rowsOf(people, columns), { files });
    expect(written(files)).toEqual(['out-2.csv']);
  });

  it('refuses paths that cannot be', async () => {
    const files = createFiles();
    const to = (path: string) => failureOf(run('write', { path }, rowsOf(people, columns), { files }));
    expect(await to('out/')).toBe(
      'PATH_INVALID the path "out/" is a folder, and rows need a file; add a name to it, such as rows.csv',
    );
    expect(await to('*.csv')).toBe('PATH_INVALID the path "*.csv" has a pattern where it must name what to write');
    expect(await to('a.xyz')).toMatch(/^FORMAT_UNKNOWN/);
    expect(await to('${params.least}')).toMatch(/^PATH_INVALID .* gives 2, which is no text$/);
    expect(written(files)).toEqual([]);
  });

  it('leaves nothing behind when its input fails', async () => {
    const files = createFiles();
    const broken = (async function* () {
      yield { rows: people };
      throw failure('IO_FAILED', { path: 'in.csv', reason: 'gone' });
    })();
    const end = run('write', { path: 'a.csv' }, { kind: 'rows', columns, batches: broken }, { files });
    expect(await failureOf(end)).toBe('IO_FAILED in.csv: gone');
    expect(written(files)).toEqual([]);
  });

  it('closes its input when it cannot write', async () => {
    const files = createFiles({ out: 'a file' });
    const input = rowsOf(people, columns);
    expect(await failureOf(run('write', { path: 'out/a.csv' }, input, { files }))).toMatch(/^PATH_INVALID/);
  });

  it('refuses what only tables have, and what is for later', async () => {
    const to = (params: object) => failureOf(run('write', { path: 'a.csv', ...params }, rowsOf(people, columns)));
    for (const [option, value] of Object.entries({
      key: 'id',
      create_table: 'auto',
      schema: 'evolve',
      on_reject: 'skip',
    })) {
      expect(await to({ [option]: value })).toBe(`OPTION_UNSUPPORTED \`${option}\` is not supported by files (a.csv)`);
    }
    for (const params of [{ split: { rows: 5 } }, { open_files: 5 }]) {
      expect(await to(params)).toMatch(/^OPTION_UNSUPPORTED .* a path without/);
    }
    expect(await to({ on_reject: 'fail', commit: 'run' })).toBe('no failure');
  });
});

describe('write of files', () => {
  it('copies bytes where the format stays the same, and goes through rows where it does not', async () => {
    const files = createFiles();
    const odd = 'id,"name"\r\n1,"Ada"\r\n';
    for (const once of [false, true]) {
      const to = (path: string, name = 'a.csv', bytes: string | Uint8Array = odd) =>
        run('write', { path }, filesOf({ [name]: bytes }, once), { files });
      await to('same.csv');
      await to('other.ndjson');
      await to('packed.csv.gz');
      await to('unpacked.csv', 'a.csv.gz', gzipSync(odd));
      await to('bytes.bin', 'a.bin', new Uint8Array([0, 255]));
      expect(files.text('same.csv')).toBe(odd);
      expect(files.text('other.ndjson')).toBe('{"id":"1","name":"Ada"}\n');
      expect(gunzipSync(files.bytes('packed.csv.gz')).toString()).toBe('id,name\n1,Ada\n');
      expect(files.text('unpacked.csv')).toBe('id,name\n1,Ada\n');
      expect([...files.bytes('bytes.bin')]).toEqual([0, 255]);
    }
  });

  it('puts each into a folder under its own name', async () => {
    const files = createFiles();
    await run('write', { path: 'out/' }, filesOf({ 'a.csv': 'x\n1\n', 'deep/b.txt': 'no' }), { files });
    expect(written(files)).toEqual(['out', 'out/a.csv', 'out/deep', 'out/deep/b.txt']);
    await run('write', { path: 'json/', format: 'ndjson' }, filesOf({ 'a.csv': 'x\n1\n', 'deep/b.tsv': 'x\n2\n' }), {
      files,
    });
    expect(files.text('json/a.ndjson')).toBe('{"x":"1"}\n');
    expect(files.text('json/deep/b.ndjson')).toBe('{"x":"2"}\n');
  });

  it('joins several into one by their rows', async () => {
    const files = createFiles();
    await run('write', { path: 'all.csv' }, filesOf({ 'a.csv': 'x\n1\n', 'b.csv': 'x\n2\n' }), { files });
    expect(files.text('all.csv')).toBe('x\n1\n2\n');
    const other = run('write', { path: 'all.csv' }, filesOf({ 'a.csv': 'x\n1\n', 'b.csv': 'y\n2\n' }), { files });
    expect(await failureOf(other)).toMatch(/^COLUMNS_DIFFER/);
    const bytes = run('write', { path: 'all.bin' }, filesOf({ 'a.bin': '1', 'b.bin': '2' }), { files });
    expect(await failureOf(bytes)).toMatch(/^PATH_INVALID .*several/);
    expect(written(files)).toEqual(['all.csv']);
  });

  it('adds to a file without a second header', async () => {
    const files = createFiles({ 'all.csv': 'x\n0\n' });
    await run('write', { path: 'all.csv', mode: 'append' }, filesOf({ 'a.csv': 'x\n1\n' }), { files });
    expect(files.text('all.csv')).toBe('x\n0\n1\n');
  });

  it('writes what was asked for of them', async () => {
    const files = createFiles({ 'a.csv': 'x,y\n1,2\n' });
    const { output } = await run('read', { path: 'a.csv', columns: ['y'], file_column: 'file' }, undefined, { files });
    await run('write', { path: 'b.csv' }, output, { files });
    expect(files.text('b.csv')).toMatch(/^y,file\n2,.*a\.csv\n$/);
    const again = await run('read', { path: 'a.csv', columns: ['y'] }, undefined, { files });
    expect(await failureOf(run('write', { path: 'b.bin' }, again.output, { files }))).toMatch(/^FORMAT_UNKNOWN/);
  });
});

describe('write to stdout', () => {
  it('gives bytes as they are, and rows in the format that is said', async () => {
    const bytes = await run('write', { path: '-' }, filesOf({ 'a.bin': '\0x' }));
    expect(bytes.stdout()).toBe('\0x');
    const rows = await run('write', { path: '-', format: 'csv' }, rowsOf(people, columns));
    expect(rows.stdout()).toBe(csv);
    expect(rows.figures).toMatchObject({ rows: 3, bytes: csv.length });
    expect(await failureOf(run('write', { path: '-' }, rowsOf(people, columns)))).toMatch(
      /^FORMAT_UNKNOWN cannot tell the format of -;/,
    );
  });

  it('joins files of one format', async () => {
    const joined = await run('write', { path: '-' }, filesOf({ 'a.csv': 'x\n1\n', 'b.csv': 'x\n2\n' }));
    expect(joined.stdout()).toBe('x\n1\n2\n');
  });

  it('refuses what it cannot honour', async () => {
    expect(await failureOf(run('write', { path: '-', mode: 'create' }, rowsOf(people)))).toBe(
      'OPTION_UNSUPPORTED `mode` is not supported by stdout',
    );
  });
});

describe('a write whose input goes on', () => {
  it('passes rows on, which the next task may change', async () => {
    const files = createFiles();
    const { output, done } = await run('write', { path: 'a.csv' }, rowsOf(people, columns), { files, consumed: true });
    expect(output).toMatchObject({ kind: 'rows', columns });
    const changed = await run('set', { values: { name: 'x' } }, output);
    expect(await collect(changed.output)).toEqual(people.map(({ id }) => ({ id, name: 'x' })));
    await done;
    expect(files.text('a.csv')).toBe(csv);
  });

  it('passes files on', async () => {
    const files = createFiles();
    for (const once of [false, true]) {
      const { output, done } = await run('write', { path: 'out/' }, filesOf({ 'a.csv': csv, 'b.csv': 'x\n' }, once), {
        files,
        consumed: true,
      });
      expect(await collectFiles(output)).toEqual({ 'a.csv': csv, 'b.csv': 'x\n' });
      await done;
      expect(files.text('out/a.csv')).toBe(csv);
    }
  });

  it('writes all of it when the next task wants no more', async () => {
    const files = createFiles();
    const { output, done } = await run('write', { path: 'a.csv' }, rowsOf(people, columns), { files, consumed: true });
    const limited = await run('limit', { rows: 1 }, output);
    expect(await collect(limited.output)).toHaveLength(1);
    await done;
    expect(files.text('a.csv')).toBe(csv);
  });

  it('ends the next task with its own failure', async () => {
    const files = createFiles({ 'a.csv': csv });
    const input = rowsOf(
      Array.from({ length: 50 }, () => people[0]!),
      columns,
    );
    const { output, done } = await run('write', { path: 'a.csv', mode: 'create' }, input, { files, consumed: true });
    const [next, work] = await Promise.all([failureOf(collect(output)), failureOf(done)]);
    expect(work).toMatch(/^TARGET_EXISTS/);
    expect(next).toMatch(/^TARGET_EXISTS/);
  });
});

describe('write to a store of rows', () => {
  function database(refuse: (row: Row) => string | undefined = () => undefined) {
    const taken: Row[] = [];
    const asked: object[] = [];
    const connector: AnyConnector = {
      name: 'database',
      capabilities: ['write'],
      stores: 'rows',
      open: () => ({
        async write(path, stream, { signal: _, beforeCommit, onReject, onProgress, ...options }: WriteOptions) {
          asked.push({ path, ...options });
          let position = 0;
          for (const row of await collect(stream)) {
            position += 1;
            const reason = refuse(row);
            if (reason === undefined) taken.push(row);
            else if (onReject === undefined) throw failure('RECORD_INVALID', { position, reason });
            else await onReject({ row, reason, position });
          }
          onProgress?.({ rows: 1 });
          await beforeCommit();
          return { rows: taken.length, paths: [`/shop/${path}`] };
        },
        verify: async () => ({ ok: true }),
        close: async () => {},
      }),
    };
    return { taken, asked, connections: { shop: { connector, config: {} } } };
  }
  const odd = (row: Row) => ((row.id as number) % 2 === 1 ? 'odd' : undefined);

  it('hands over rows and options', async () => {
    const { taken, asked, connections } = database();
    const params = { path: '/shop/public/people', mode: 'upsert', key: 'id', create_table: 'never', schema: 'evolve' };
    const { figures, result } = await run('write', params, filesOf({ 'a.csv': csv }), { connections });
    expect(taken).toEqual(people.map(({ id, name }) => ({ id: String(id), name })));
    expect(asked).toEqual([
      { path: 'public/people', mode: 'upsert', key: ['id'], createTable: 'never', schema: 'evolve' },
    ]);
    expect(figures).toMatchObject({ rows: 3, files: 0 });
    expect(result).toEqual({ paths: ['/shop/public/people'] });
  });

  it('refuses what only files have', async () => {
    const { connections } = database();
    for (const option of ['format', 'content_type', 'metadata']) {
      const message = await failureOf(
        run('write', { path: '/shop/a', [option]: 'csv' }, rowsOf(people), { connections }),
      );
      expect(message).toBe(`OPTION_UNSUPPORTED \`${option}\` is not supported by tables (/shop/a)`);
    }
  });

  it('fails on the first refused record, or skips and counts them', async () => {
    const { taken, connections } = database(odd);
    const to = (params: object) => run('write', { path: '/shop/a', ...params }, rowsOf(people), { connections });
    expect(await failureOf(to({}))).toBe('RECORD_INVALID record 1: odd');
    const { figures, events } = await to({ on_reject: 'skip' });
    expect(figures.rejected).toBe(2);
    expect(events).toMatchObject([
      { type: 'record.rejected', position: 1, reason: 'odd' },
      { type: 'record.rejected', position: 3, reason: 'odd' },
    ]);
    expect(taken).toEqual([people[1]]);
  });

  it('keeps refused records in a file', async () => {
    const { connections } = database(odd);
    const files = createFiles({ 'old.ndjson': 'from yesterday' });
    const to = (on_reject: string, rows: Row[]) =>
      run('write', { path: '/shop/a', on_reject }, rowsOf(rows, columns), { connections, files });
    const { done, figures } = await to('out/rejects.ndjson', people);
    await done;
    expect(files.text('out/rejects.ndjson')).toBe(
      '{"position":1,"reason":"odd","record":{"id":1,"name":"Ada"}}\n{"position":3,"reason":"odd","record":{"id":3,"name":"Edsger"}}\n',
    );
    expect(figures).toMatchObject({ rejected: 2, files: 0 });
    await (await to('old.ndjson', [people[1]!])).done;
    expect(files.text('old.ndjson')).toBe('');
  });

  it('keeps them in a local file, also when the task has a connection', async () => {
    const { taken, connections } = database(odd);
    const files = createFiles();
    const params = { connection: 'shop', path: 'a', on_reject: 'rejects.ndjson' };
    const { done } = await run('write', params, rowsOf(people, columns), { connections, files });
    await done;
    expect(written(files)).toEqual(['rejects.ndjson']);
    expect(taken).toEqual([people[1]]);
  });

  it('keeps no rejects of a write that failed', async () => {
    const { connections } = database((row) => {
      if (row.id === 3) throw failure('IO_FAILED', { path: '/shop', reason: 'gone' });
      return odd(row);
    });
    const files = createFiles();
    const end = run('write', { path: '/shop/a', on_reject: 'r.ndjson' }, rowsOf(people, columns), {
      connections,
      files,
    });
    expect(await failureOf(end)).toBe('IO_FAILED /shop: gone');
    expect(written(files)).toEqual([]);
  });

  it('fails when the rejects cannot be kept', async () => {
    const { connections } = database(odd);
    const files = createFiles({ out: 'a file' });
    const { done } = await run('write', { path: '/shop/a', on_reject: 'out/r.ndjson' }, rowsOf(people, columns), {
      connections,
      files,
    }).catch((error) => ({ done: Promise.reject(error) }));
    expect(await failureOf(done)).toMatch(/^PATH_INVALID/);
  });
});
