// Checkpoints, kept in the database beside the rows that they are about.
import type { Value } from '../../engine/contracts/data.ts';
import type { Handle } from './driver.ts';
import { bytesOf, guarded, textOf } from './driver.ts';

export const checkpointTable = '_pipewright_checkpoints';

export function keepCheckpoint(handle: Handle, name: string, position: Value): void {
  handle.exec(
    `create table if not exists ${checkpointTable} (name text primary key not null, position text not null, updated text not null)`,
  );
  handle
    .prepare(
      `insert into ${checkpointTable} (name, position, updated) values (?, ?, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
       on conflict (name) do update set position = excluded.position, updated = excluded.updated`,
    )
    .run([name, JSON.stringify(position)]);
}

export function removeCheckpoint(handle: Handle, name: string): void {
  if (hasTable(handle)) handle.prepare(`delete from ${checkpointTable} where name = ?`).run([name]);
}

export function findCheckpoint(handle: Handle, name: string): Value | undefined {
  if (!hasTable(handle)) return undefined;
  const position = guarded('position', handle.encoding, false);
  const [row] = handle.all(`select ${position} from ${checkpointTable} where name = ?`, name);
  if (row === undefined) return undefined;
  const value = row[0];
  const text = Buffer.isBuffer(value) ? (textOf(value, handle.encoding) ?? bytesOf(value, handle.encoding)) : value;
  return JSON.parse(String(text)) as Value;
}

function hasTable(handle: Handle): boolean {
  return handle.all(`select 1 from sqlite_schema where name = '${checkpointTable}' and type = 'table'`).length > 0;
}
