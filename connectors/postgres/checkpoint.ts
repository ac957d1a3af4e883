// How far a load has come, in a table beside the rows and changed with them.
import type { ClientBase } from 'pg';
import type { WriteOptions } from '../../engine/contracts/connector.ts';
import type { Value } from '../../engine/contracts/data.ts';
import { quoteName } from '../shared/sql.ts';
import type { TablePath } from './catalog.ts';

export const checkpointTable = '_pipewright_checkpoints';

const tableIn = (schema: string) => `${quoteName(schema)}.${checkpointTable}`;

/** The checkpoint, or undefined. */
export async function readCheckpoint(
  client: ClientBase,
  { schema }: TablePath,
  name: string,
): Promise<Value | undefined> {
  if (!(await isThere(client, schema))) return undefined;
  const { rows } = await client.query(`select position::text as position from ${tableIn(schema)} where name = $1`, [
    name,
  ]);
  return rows.length === 0 ? undefined : (JSON.parse(rows[0].position) as Value);
}

/**
 * Makes the table where it is missing. Outside of the transaction of the rows, because another write that makes it too
 * would wait until the end of that.
 */
export async function makeCheckpointTable(client: ClientBase, { schema }: TablePath): Promise<void> {
  if (await isThere(client, schema)) return;
  try {
    await client.query(
      `create table ${tableIn(schema)} (name text primary key, position json not null, updated timestamptz not null)`,
    );
  } catch (error) {
    // Another write was first.
    if (!(await isThere(client, schema))) throw error;
  }
}

export interface CheckpointKeeper {
  /** In the transaction of the rows that it stands for. `last`: no other will come. */
  keep(checkpoint: Value | undefined, last: boolean): Promise<void>;
}

export function checkpointKeeper(
  client: ClientBase,
  { schema }: TablePath,
  wanted: WriteOptions['checkpoint'],
): CheckpointKeeper {
  return {
    async keep(checkpoint, last) {
      if (wanted === undefined) return;
      const { name } = wanted;
      if (last && wanted.last === 'remove') {
        await client.query(`delete from ${tableIn(schema)} where name = $1`, [name]);
      } else if (checkpoint !== undefined) {
        await client.query(
          `insert into ${tableIn(schema)} (name, position, updated) values ($1, $2, now())
           on conflict (name) do update set position = excluded.position, updated = excluded.updated`,
          [name, JSON.stringify(checkpoint)],
        );
      }
    },
  };
}

async function isThere(client: ClientBase, schema: string): Promise<boolean> {
  const { rows } = await client.query(
    `select 1 from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relname = $2`,
    [schema, checkpointTable],
  );
  return rows.length > 0;
}
