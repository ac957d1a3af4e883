// The state stores: memory and SQLite, the file's faults, many processes.
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createMemoryState } from '../../engine/state/memory.ts';
import { openSqliteState } from '../../engine/state/sqlite.ts';
import { newRun, reportOf, testStateStore } from '../conformance/state-store.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pipewright-state-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

testStateStore('memory', {
  async create() {
    const state = createMemoryState();
    return { open: async () => state, remove: async () => {} };
  },
});

testStateStore('sqlite', {
  async create() {
    const own = mkdtempSync(join(tmpdir(), 'pipewright-state-'));
    return {
      open: () => openSqliteState(join(own, 'deep', 'state.db')),
      remove: async () => rmSync(own, { recursive: true }),
    };
  },
});

describe('the file', () => {
  const path = () => join(folder, 'state.db');

  test('is private to the user', async () => {
    await (await openSqliteState(path())).close();
    expect(statSync(path()).mode & 0o777).toBe(0o600);
  });

  test('of a newer version is left alone', async () => {
    await (await openSqliteState(path())).close();
    const database = new Database(path());
    database.exec('pragma user_version = 99');
    database.close();
    const before = readFileSync(path());
    await expect(openSqliteState(path())).rejects.toMatchObject({ code: 'STATE_TOO_NEW', data: { version: 99 } });
    expect(readFileSync(path()).equals(before)).toBe(true);
  });

  test('that is none, or of another program, is named and left alone', async () => {
    writeFileSync(path(), 'not a database, but a text that someone may need\n'.repeat(50));
    await expect(openSqliteState(path())).rejects.toMatchObject({ code: 'STATE_CORRUPT' });
    expect(readFileSync(path(), 'utf8')).toMatch(/^not a database/);
    const other = join(folder, 'other.db');
    const database = new Database(other);
    database.exec('create table theirs (a); pragma user_version = 3');
    database.close();
    await expect(openSqliteState(other)).rejects.toMatchObject({ code: 'STATE_CORRUPT' });
  });

  test('that is damaged in the middle says so', async () => {
    const state = await openSqliteState(path());
    for (let i = 0; i < 200; i++) await state.startRun(newRun(`run-${i}`, { params: { text: 'x'.repeat(2000) } }));
    await state.close();
    const bytes = readFileSync(path());
    bytes.fill(0x5a, 4096 * 4);
    writeFileSync(path(), bytes);
    const again = openSqliteState(path()).then(async (opened) => {
      try {
        for (let i = 0; i < 200; i++) await opened.run(`run-${i}`);
      } finally {
        await opened.close();
      }
    });
    await expect(again).rejects.toMatchObject({ code: 'STATE_CORRUPT' });
  });

  test.skipIf(process.getuid?.() === 0)('that may not be written says so', async () => {
    await (await openSqliteState(path())).close();
    chmodSync(path(), 0o400);
    chmodSync(folder, 0o500);
    try {
      const write = openSqliteState(path()).then((state) => state.set('p', 'k', 1));
      await expect(write).rejects.toMatchObject({ code: 'STATE_READ_ONLY' });
    } finally {
      chmodSync(folder, 0o700);
    }
  });

  test('whose folder is a file says so', async () => {
    writeFileSync(join(folder, 'x'), '');
    await expect(openSqliteState(join(folder, 'x', 'state.db'))).rejects.toMatchObject({ code: 'STATE_READ_ONLY' });
  });

  test('finds fifty of very many runs at once', async () => {
    const state = await openSqliteState(path());
    await state.startRun(newRun('run-0'));
    await state.endRun(reportOf('run-0'));
    const database = new Database(path());
    database.exec(`with recursive n(i) as (select 1 union all select i + 1 from n where i < 100000)
      insert into runs (id, pipe, started_by, started, hash, params, host, pid, alive_until, status, ended, seconds, row_count, rejected)
      select 'many-' || i, 'p' || (i % 20), 'cron', started, hash, params, host, pid, 0, 'done', started, 1, 10, 0 from n, runs where id = 'run-0'`);
    database.close();
    const begun = performance.now();
    expect((await state.runs()).length).toBe(50);
    expect((await state.runs({ pipe: 'p7' }))[0]?.id).toBe('many-99987');
    expect(await state.runs({ status: 'died' })).toEqual([]);
    expect(performance.now() - begun).toBeLessThan(200);
    await state.close();
  });
});
