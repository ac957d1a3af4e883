// The example incremental-sync: all at first, then what is new.
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import { expect, test } from 'vitest';
import { createEngine } from '../../index.ts';

test('each run delivers what is new', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pipewright-sync-'));
  cpSync(join(import.meta.dirname, '../../examples/incremental-sync'), folder, { recursive: true });
  rmSync(join(folder, 'output'), { recursive: true, force: true });
  writeFileSync(join(folder, 'pipewright.yaml'), '');
  const sql = (file: string, text: string): Record<string, unknown>[] => {
    const database = new Database(join(folder, file));
    try {
      return database.prepare(text).all() as Record<string, unknown>[];
    } finally {
      database.close();
    }
  };
  const engine = createEngine({ folder });
  try {
    const run = () => engine.run(join(folder, 'pipe.yaml')).result;
    await run();
    const [{ n: all, last } = {}] = sql('input/shop.db', 'select count(*) as n, max(id) as last from orders');
    expect(sql('output/warehouse.db', 'select count(*) as n from orders')).toMatchObject([{ n: all }]);
    sql(
      'input/shop.db',
      `insert into orders values (${Number(last) + 1}, 1, '2026-03-01 10:00:00', 'paid') returning id`,
    );
    const second = await run();
    expect(second.tasks[0]).toMatchObject({ op: 'read', rows: 1 });
    expect(readFileSync(join(folder, `output/open-${second.run}.csv`), 'utf8')).toMatch(
      new RegExp(`^id,.*\\n${Number(last) + 1},1,2026-03-01[ T]10:00:00,paid,2026-03-01,true\\n$`),
    );
    expect(sql('output/warehouse.db', 'select count(*) as n from orders')).toMatchObject([{ n: Number(all) + 1 }]);
    expect(readdirSync(join(folder, 'output')).filter((name) => name.endsWith('.csv'))).toHaveLength(2);
  } finally {
    await engine.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
