// State in a SQLite file, for one machine: any number of processes may use it at once.
import type { Value } from '../contracts/data.ts';
import type { RunEvent, RunReport } from '../contracts/run.ts';
import type { Held, NewRun, Position, RunRecord, RunSummary, StateStore } from '../contracts/state.ts';
import { type Database, openDatabase } from './database.ts';
import { documentsIn } from './documents.ts';
import { isGone } from './holder.ts';
import { layouts } from './layouts.ts';
import { digestOf, figuresOf } from './runs.ts';

/** Opens the file, made where it is not there. STATE_CORRUPT, STATE_TOO_NEW, STATE_READ_ONLY, STATE_BUSY, DISK_FULL. */
export async function openSqliteState(path: string): Promise<StateStore> {
  const database = await openDatabase(path, layouts);
  return {
    name: path,
    durable: true,
    ...positionsIn(database),
    ...valuesIn(database),
    ...locksIn(database),
    ...documentsIn(database),
    ...runsIn(database),
    async close() {
      database.close();
    },
  };
}

function positionsIn(db: Database): Pick<StateStore, 'positions' | 'setPositions'> {
  return {
    async positions(pipe) {
      const rows = db.all<{ name: string; position: string }>(
        'select name, position from positions where pipe = ?',
        pipe,
      );
      return Object.fromEntries(rows.map(({ name, position }) => [name, JSON.parse(position) as Position]));
    },
    async setPositions(pipe, changes) {
      db.transaction(
        () => {
          for (const [name, position] of Object.entries(changes)) {
            if (position === undefined) db.run('delete from positions where pipe = ? and name = ?', pipe, name);
            else
              db.run(
                `insert into positions (pipe, name, position) values (?, ?, ?)
                 on conflict (pipe, name) do update set position = excluded.position`,
                pipe,
                name,
                JSON.stringify(position),
              );
          }
        },
        { durable: true },
      );
    },
  };
}

function valuesIn(db: Database): Pick<StateStore, 'get' | 'values' | 'set' | 'remove'> {
  return {
    async get(space, key) {
      const sql = 'select value from kept_values where space = ? and key = ? and (until is null or until > ?)';
      const found = db.get<{ value: string }>(sql, space, key, Date.now());
      return found === undefined ? undefined : (JSON.parse(found.value) as Value);
    },
    async values(space) {
      const sql = 'select key, value from kept_values where space = ? and (until is null or until > ?)';
      const found = db.all<{ key: string; value: string }>(sql, space, Date.now());
      return Object.fromEntries(found.map(({ key, value }) => [key, JSON.parse(value) as Value]));
    },
    async set(space, key, value, { ttlMs } = {}) {
      const now = Date.now();
      db.transaction(() => {
        db.run('delete from kept_values where until <= ?', now);
        db.run(
          `insert into kept_values (space, key, value, until) values (?, ?, ?, ?)
           on conflict (space, key) do update set value = excluded.value, until = excluded.until`,
          space,
          key,
          JSON.stringify(value),
          ttlMs === undefined ? null : now + ttlMs,
        );
      });
    },
    async remove(space, key) {
      db.run('delete from kept_values where space = ? and key = ?', space, key);
    },
  };
}

interface LockRow {
  owner: string;
  host: string;
  pid: number;
  born: string | null;
  since: string;
  until: number;
}

function holderOf({ host, pid, born }: Pick<LockRow, 'host' | 'pid' | 'born'>): Held['holder'] {
  return { host, pid, ...(born === null ? {} : { born }) };
}

function locksIn(db: Database): Pick<StateStore, 'lock' | 'unlock'> {
  return {
    async lock(name, owner, { holder, leaseMs }) {
      return db.transaction((): Held | undefined => {
        const now = Date.now();
        const row = db.get<LockRow>('select owner, host, pid, born, since, until from locks where name = ?', name);
        if (row !== undefined && row.owner !== owner && row.until > now && !isGone(holderOf(row)))
          return { owner: row.owner, holder: holderOf(row), since: row.since };
        const since = row?.owner === owner ? row.since : new Date(now).toISOString();
        db.run(
          'insert or replace into locks (name, owner, host, pid, born, since, until) values (?, ?, ?, ?, ?, ?, ?)',
          name,
          owner,
          holder.host,
          holder.pid,
          holder.born ?? null,
          since,
          now + leaseMs,
        );
        return undefined;
      });
    },
    async unlock(name, owner) {
      db.run('delete from locks where name = ? and owner = ?', name, owner);
    },
  };
}

interface RunRow extends Pick<LockRow, 'host' | 'pid' | 'born'> {
  id: string;
  pipe: string;
  started_by: string;
  scheduled: string | null;
  started: string;
  alive_until: number;
  status: Exclude<RunSummary['status'], 'running' | 'died'> | null;
  ended: string | null;
  seconds: number | null;
  row_count: number | null;
  rejected: number | null;
  code: string | null;
  message: string | null;
}

const summaryColumns = `id, pipe, started_by, scheduled, started, host, pid, born, alive_until, status, ended, seconds,
  row_count, rejected, code, message`;

function summaryOf(row: RunRow): RunSummary {
  const { id, pipe, started_by: trigger, started, status, ended, seconds, row_count: rows, rejected, code } = row;
  const begun = { id, pipe, trigger, ...(row.scheduled === null ? {} : { scheduled: row.scheduled }), started };
  if (status === null) {
    const alive = row.alive_until > Date.now() && !isGone(holderOf(row));
    return { ...begun, status: alive ? 'running' : 'died' };
  }
  return {
    ...begun,
    status,
    ended: ended!,
    seconds: seconds!,
    rows: rows!,
    rejected: rejected!,
    ...(code === null ? {} : { error: { code, message: row.message! } }),
  };
}

const firstLeaseMs = 60_000;

function runsIn(
  db: Database,
): Pick<StateStore, 'startRun' | 'addEvents' | 'endRun' | 'runs' | 'run' | 'events' | 'prune'> {
  return {
    async startRun({ id, pipe, started, trigger, scheduled, file, definition, params, holder }: NewRun) {
      const text = JSON.stringify(definition);
      const hash = digestOf(text);
      db.transaction(() => {
        db.run('insert or ignore into definitions (hash, definition) values (?, ?)', hash, text);
        db.run(
          `insert into runs (id, pipe, started_by, scheduled, file, started, hash, params, host, pid, born, alive_until)
           values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
          id,
          pipe,
          trigger,
          scheduled ?? null,
          file ?? null,
          started,
          hash,
          JSON.stringify(params),
          holder.host,
          holder.pid,
          holder.born ?? null,
          Date.now() + firstLeaseMs,
        );
      });
    },
    async addEvents(run, events, leaseMs) {
      db.transaction(() => {
        const found = db.get<{ seq: number }>('select seq from runs where id = ?', run);
        if (found === undefined) return;
        db.run('update runs set alive_until = ? where seq = ?', Date.now() + leaseMs, found.seq);
        // One line for all that come together.
        if (events.length > 0)
          db.run('insert into events (run, events) values (?, ?)', found.seq, JSON.stringify(events));
      });
    },
    async endRun(report) {
      const { run, status, ended, seconds, error } = report;
      const { rows, rejected } = figuresOf(report);
      db.transaction(() => {
        const found = db.get<{ seq: number }>('select seq from runs where id = ?', run);
        if (found === undefined) return;
        db.run(
          `update runs set status = ?, ended = ?, seconds = ?, row_count = ?, rejected = ?, code = ?, message = ?
           where seq = ?`,
          status,
          ended,
          seconds,
          rows,
          rejected,
          error?.code ?? null,
          error?.message ?? null,
          found.seq,
        );
        db.run('insert or replace into reports (run, report) values (?, ?)', found.seq, JSON.stringify(report));
      });
    },
    async runs({ pipe, status, since, limit = 50 } = {}) {
      const ended = status === 'running' || status === 'died' ? null : status;
      const where = [
        ...(pipe === undefined ? [] : [['pipe = ?', pipe]]),
        ...(since === undefined ? [] : [['started >= ?', since]]),
        ...(status === undefined ? [] : ended === null ? [['status is null']] : [['status = ?', ended!]]),
      ];
      const sql = `select ${summaryColumns} from runs
        ${where.length === 0 ? '' : `where ${where.map(([condition]) => condition).join(' and ')}`} order by seq desc`;
      const values = where.flatMap(([, value]) => (value === undefined ? [] : [value]));
      // Whether one that has not ended is alive is seen here alone.
      if (ended === null)
        return db
          .all<RunRow>(sql, ...values)
          .map(summaryOf)
          .filter((run) => run.status === status)
          .slice(0, limit);
      return db.all<RunRow>(`${sql} limit ?`, ...values, limit).map(summaryOf);
    },
    async run(id): Promise<RunRecord | undefined> {
      const row = db.get<
        RunRow & { hash: string; file: string | null; params: string; definition: string; report: string | null }
      >(
        `select ${summaryColumns}, runs.hash, file, params, definition, report
         from runs join definitions on definitions.hash = runs.hash left join reports on reports.run = runs.seq
         where id = ?`,
        id,
      );
      if (row === undefined) return undefined;
      return {
        ...summaryOf(row),
        hash: row.hash,
        ...(row.file === null ? {} : { file: row.file }),
        definition: JSON.parse(row.definition) as Value,
        params: JSON.parse(row.params) as Record<string, Value>,
        ...(row.report === null ? {} : { report: JSON.parse(row.report) as RunReport }),
      };
    },
    async events(run) {
      const sql = 'select events from events where run = (select seq from runs where id = ?) order by number';
      return db.all<{ events: string }>(sql, run).flatMap(({ events }) => JSON.parse(events) as RunEvent[]);
    },
    async prune(keep) {
      const pipes =
        keep.pipe === undefined ? db.all<{ pipe: string }>('select distinct pipe from runs') : [{ pipe: keep.pipe }];
      let gone = 0;
      for (const { pipe } of pipes) {
        const surplus = surplusOf(db, pipe, keep);
        if (surplus.length === 0) continue;
        db.transaction(() => {
          for (const seq of surplus) {
            for (const table of ['events', 'reports']) db.run(`delete from ${table} where run = ?`, seq);
            gone += db.run('delete from runs where seq = ?', seq).changes;
          }
          db.run('delete from definitions where hash not in (select hash from runs)');
        });
      }
      return gone;
    },
  };
}

/** Those that have ended, beyond the newest so many, or too old. */
function surplusOf(db: Database, pipe: string, { runs, forMs }: Parameters<StateStore['prune']>[0]): number[] {
  const ended = (row: RunRow) => summaryOf(row).status !== 'running';
  const found = new Set<number>();
  const select = `select seq, ${summaryColumns} from runs where pipe = ?`;
  const take = (rows: (RunRow & { seq: number })[]) => {
    for (const row of rows) if (ended(row)) found.add(row.seq);
  };
  if (runs !== undefined) take(db.all(`${select} order by seq desc limit -1 offset ?`, pipe, runs));
  if (forMs !== undefined) take(db.all(`${select} and started < ?`, pipe, new Date(Date.now() - forMs).toISOString()));
  return [...found];
}
