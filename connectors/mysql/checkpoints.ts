// Where a write stands, kept in a table beside its target and changed in the same transaction as the rows.
import type { Value } from '../../engine/contracts/data.ts';
import { quoted, type TablePath } from './catalog.ts';
import type { Session } from './connect.ts';
import { quoteText } from './sql.ts';

const tableOf = ({ schema }: TablePath) => quoted({ schema, name: '_pipewright_checkpoints' });

/** Before the transaction, which making a table would end. */
export async function makeCheckpoints({ wire }: Session, target: TablePath): Promise<void> {
  const { rows } = await wire.query(
    `select 1 from information_schema.tables
      where table_schema = ${quoteText(target.schema)} and table_name = '_pipewright_checkpoints'`,
  );
  if (rows.length > 0) return;
  await wire.query(
    `create table if not exists ${tableOf(target)} (
       name varbinary(700) not null primary key, position longtext character set utf8mb4 not null,
       updated timestamp(6) not null default current_timestamp(6) on update current_timestamp(6)) engine = InnoDB`,
  );
}

export async function keepCheckpoint({ wire }: Session, target: TablePath, name: string, value: Value): Promise<void> {
  const position = quoteText(JSON.stringify(value));
  await wire.query(
    `insert into ${tableOf(target)} (name, position) values (${quoteText(name)}, ${position})
      on duplicate key update position = ${position}`,
  );
}

export async function removeCheckpoint({ wire }: Session, target: TablePath, name: string): Promise<void> {
  await wire.query(`delete from ${tableOf(target)} where name = ${quoteText(name)}`);
}

export async function readCheckpoint({ wire }: Session, target: TablePath, name: string): Promise<Value | undefined> {
  const statement = `select position from ${tableOf(target)} where name = ${quoteText(name)}`;
  try {
    const { rows } = await wire.query(statement);
    return rows.length === 0 ? undefined : (JSON.parse(rows[0]![0]!) as Value);
  } catch (error) {
    // No such table, or no such database: nothing was ever kept.
    if ([1146, 1049].includes((error as { errno?: number }).errno ?? 0)) return undefined;
    throw error;
  }
}
