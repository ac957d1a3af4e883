// query and execute: SQL that writes, in a pipe with other tasks.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Pipe, RunOptions } from '../../../index.ts';
import { ownEngine } from '../../engine/own-engine.ts';
import { createDatabase } from '../../servers/sqlite.ts';

async function shop() {
  const own = ownEngine({ state: 'memory' });
  const database = await createDatabase();
  onTestFinished(async () => {
    await own.close();
    await database.close();
  });
  await database.sql(`create table orders (id int primary key, name text);
    insert into orders values (1, 'a'), (2, 'b'), (3, 'c')`);
  const run = async (tasks: object[], options: RunOptions = {}) => {
    const connections = { shop: { connector: 'sqlite', file: database.path } };
    const running = own.engine.run({ name: 'orders', connections, tasks } as unknown as Pipe, options);
    const logged: string[] = [];
    running.on((event) => {
      if (event.type === 'log') logged.push(event.message);
    });
    const [ended] = await Promise.allSettled([running.result]);
    return {
      status: ended.status === 'fulfilled' ? 'done' : 'failed',
      error: 'reason' in ended ? ended.reason : undefined,
      logged,
    };
  };
  const ids = async () => (await database.sql('select id from orders order by id')).map(({ id }) => id);
  return { ...own, ...database, run, ids };
}

const asText = { op: 'write', path: 'out.csv' };

describe('query', () => {
  test('its rows go on, what it changed is known to later tasks', async () => {
    const { run, ids, text } = await shop();
    const report = await run([
      {
        op: 'query',
        id: 'old',
        connection: 'shop',
        query: 'delete from orders where id < ? returning id',
        parameters: [3],
      },
      asText,
      {
        op: 'query',
        connection: 'shop',
        query: 'insert into orders values (?, null)',
        parameters: ['${tasks.old.result.changed + 100}'],
      },
    ]);
    expect(report.status).toBe('done');
    expect(text('out.csv')).toBe('id\n1\n2\n');
    expect(await ids()).toEqual([3, 102]);
  });

  test('is done when whoever takes its rows leaves early', async () => {
    const { run, ids, text } = await shop();
    const query = { op: 'query', connection: 'shop', query: 'delete from orders returning id' };
    await run([query, { op: 'limit', rows: 1 }, asText]);
    expect(text('out.csv')).toBe('id\n1\n');
    expect(await ids()).toEqual([]);
  });

  test('is undone when a task beside it fails', async () => {
    const { run, ids, text } = await shop();
    const query = { op: 'query', connection: 'shop', query: 'delete from orders returning id, name' };
    const report = await run([query, { op: 'filter', where: 'int(record.name) > 0' }, asText]).catch(
      (error: unknown) => error,
    );
    expect(report).toMatchObject({ status: 'failed' });
    expect([await ids(), text('out.csv')]).toEqual([[1, 2, 3], undefined]);
  });

  test('its rows go into the same database', async () => {
    const { run, sql, ids } = await shop();
    const query = { op: 'query', connection: 'shop', query: 'delete from orders where id > 1 returning *' };
    expect(await run([query, { op: 'write', path: '/shop/gone' }])).toMatchObject({ status: 'done' });
    expect(await sql('select * from gone order by id')).toEqual([
      { id: 2, name: 'b' },
      { id: 3, name: 'c' },
    ]);
    expect(await ids()).toEqual([1]);
  });

  test('no ${…} gets into SQL', async () => {
    const { run, ids } = await shop();
    for (const task of [
      { op: 'query', connection: 'shop', query: "delete from orders where name = '${run.id}'" },
      { op: 'execute', connection: 'shop', statements: ['select 1', "delete from orders where name = '${run.id}'"] },
    ]) {
      const report = await run([task]);
      expect(report).toMatchObject({
        error: { code: 'OPTION_UNSUPPORTED', message: expect.stringContaining('`parameters`') },
      });
    }
    expect(await ids()).toEqual([1, 2, 3]);
  });

  test('a dry run changes nothing', async () => {
    const { run, ids } = await shop();
    const query = { op: 'query', connection: 'shop', query: 'delete from orders returning id' };
    const drop = { op: 'execute', connection: 'shop', statements: ['drop table orders', 'select 1'] };
    const { logged } = await run([query, asText, drop], { dryRun: true });
    expect(await ids()).toEqual([1, 2, 3]);
    expect(logged.filter((message) => message.startsWith('dry run: would run'))).toHaveLength(3);
  });
});

describe('execute', () => {
  test('after what stands before it, all or nothing', async () => {
    const { run, folder, ids } = await shop();
    writeFileSync(join(folder, 'in.csv'), 'id,name\n7,x\n8,y\n');
    const statements = ['delete from orders where id < 3', 'update orders set name = upper(name)'];
    const report = await run([
      { op: 'read', path: 'in.csv' },
      { op: 'write', path: '/shop/orders' },
      { op: 'execute', id: 'clean', connection: 'shop', statements },
      {
        op: 'execute',
        connection: 'shop',
        statements: 'delete from orders where id = ?',
        parameters: ['${tasks.clean.result.changed[1]}'],
      },
    ]);
    expect(report.status).toBe('done');
    expect(await ids()).toEqual([7, 8]);
    const failing = { op: 'execute', connection: 'shop', statements: ['delete from orders', 'delete from absent'] };
    expect(await run([failing])).toMatchObject({ status: 'failed' });
    expect(await ids()).toEqual([7, 8]);
  });
});

test('a read that would write is refused, with the task and the op for it', async () => {
  const { run, ids } = await shop();
  for (const query of [
    'delete from orders returning id',
    "with gone as (select 1) insert into orders values (9, 'x')",
  ]) {
    const failed = await run([{ op: 'read', connection: 'shop', query }, asText]);
    expect(failed).toMatchObject({ error: { code: 'SQL_REFUSED' } });
  }
  expect(await ids()).toEqual([1, 2, 3]);
});
