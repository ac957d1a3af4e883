// Where rows wait for the table: a temporary table of the session, gone with it.
import type { WriteOptions } from '../../engine/contracts/connector.ts';
import { quoted, type Table } from './catalog.ts';
import type { Session } from './connect.ts';
import type { Pair } from './encode.ts';
import { isRowError, plainNames } from './errors.ts';
import type { Refusal } from './load.ts';
import { quoteName } from './sql.ts';

export interface Staging {
  /** What the rows are loaded into: the table itself, or one beside it. */
  into: string;
  /** Before the transaction. */
  make(): Promise<void>;
  /** After each load: what an upsert has loaded goes into the table. */
  merge?: () => Promise<Refusal | undefined>;
  /** At the end: what `replace` has loaded takes the place of what was there. */
  settle(): Promise<void>;
  drop(): Promise<void>;
}

export function createStaging(
  session: Session,
  { table, pairs, made }: { table: Table; pairs: readonly Pair[]; made: boolean },
  o: WriteOptions,
): Staging {
  const { wire } = session;
  const target = quoted(table);
  const into = quoted({ schema: table.schema, name: 'pipewright_staging' });
  const list = pairs.map(({ to }) => quoteName(to.name)).join(', ');
  const drop = async () => {
    if (wire.usable()) await wire.query(`drop temporary table if exists ${into}`).catch(session.spoil);
  };

  if (o.mode === 'upsert') {
    return {
      into,
      async make() {
        await drop();
        // With the key, so that of the records that have the same the last one stays.
        const key = o.key!.map(quoteName).join(', ');
        await wire.query(
          `create temporary table ${into} (unique key (${key})) engine = InnoDB as select ${list} from ${target} where false`,
        );
      },
      merge: () => merged(session, { target, into, list, pairs, key: o.key! }),
      settle: async () => {},
      drop,
    };
  }
  if (o.mode === 'replace' && !made) {
    return {
      into,
      async make() {
        await drop();
        // With all indexes and checks, so that it is told at once which record they do not take.
        await wire.query(`create temporary table ${into} like ${target}`);
      },
      /** The table stays the same one, so its grants, indexes, views and triggers do. */
      async settle() {
        await wire.query(`delete from ${target}`);
        await wire.query(`insert into ${target} (${list}) select ${list} from ${into}`);
      },
      drop,
    };
  }
  return { into: target, make: async () => {}, settle: async () => {}, drop: async () => {} };
}

/**
 * Changes what is there and adds the others. ON DUPLICATE KEY UPDATE would also change a row that has another unique
 * value of the record.
 */
async function merged(
  { wire }: Session,
  at: { target: string; into: string; list: string; pairs: readonly Pair[]; key: readonly string[] },
): Promise<Refusal | undefined> {
  const { target, into, list, pairs, key } = at;
  const same = key.map((name) => `old.${quoteName(name)} = new.${quoteName(name)}`).join(' and ');
  const changes = pairs
    .filter(({ to }) => !key.includes(to.name))
    .map(({ to }) => `old.${quoteName(to.name)} = new.${quoteName(to.name)}`);
  try {
    // In this order, because of a temporary table the server does not know how few rows it has.
    if (changes.length > 0) {
      await wire.query(`update ${into} as new straight_join ${target} as old on ${same} set ${changes.join(', ')}`);
    }
    const added = pairs.map(({ to }) => `new.${quoteName(to.name)}`).join(', ');
    await wire.query(
      `insert into ${target} (${list}) select ${added} from ${into} as new left join ${target} as old on ${same}
        where old.${quoteName(key[0]!)} is null`,
    );
    await wire.query(`delete from ${into}`);
    return undefined;
  } catch (error) {
    if (!isRowError(error)) throw error;
    return { reason: plainNames(error.message) };
  }
}
