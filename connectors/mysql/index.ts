// MySQL and MariaDB: tables and queries read as the server's own text, written through LOAD DATA LOCAL.
import { defineConnector, type ReadOptions } from '../../engine/contracts/connector.ts';
import { asFailure, failure } from '../../engine/errors.ts';
import { addressOf } from '../shared/sql-address.ts';
import { columnAlone, describeSchema, findTable, listEntries, tablePath } from './catalog.ts';
import { readCheckpoint } from './checkpoints.ts';
import { type Config, createSessions } from './connect.ts';
import { orderedStream, orderOf } from './ordered.ts';
import { partitioned, partsOf } from './partition.ts';
import { querySource, rowStream, selection, tableSource } from './rows.ts';
import { statementStream } from './run-statement.ts';
import { writeTable } from './write.ts';

export const connector = defineConnector({
  name: 'mysql',
  capabilities: ['list', 'read', 'write', 'query', 'describe', 'checkpoint'],
  stores: 'rows',

  open(config: Config, context) {
    const sessions = createSessions(config, context);
    const ownSchema = config.schema ?? addressOf(config, context.name, 3306).database;
    const placeOf = (path: string) => sessions.place(`/${context.name}/${path.replace(/^\/+/, '')}`);

    return {
      async *list(path, o) {
        yield* await sessions.use(placeOf(path), o, (session) => listEntries(session, path, o));
      },

      /** A table or a view. */
      async read(path, o) {
        refuseForeign(o);
        const place = placeOf(path);
        return sessions.use(place, o, async (session) => {
          const table = await findTable(session, tablePath(path, ownSchema));
          if (table === undefined)
            throw failure('NOT_FOUND', { path: place.shown, hint: ': there is no such table or view' });
          const source = await tableSource(session, table, o, place.shown);
          const parts = partsOf(source, o, place.shown);
          if (parts !== undefined) return partitioned(sessions, place, source, parts, o, context.log);
          const order = await orderOf(session, source, o, place.shown);
          if (order !== undefined) return orderedStream(sessions, place, source, order, o);
          return rowStream(sessions, place, { ...source, statement: selection(source) }, o);
        });
      },

      async write(path, stream, o) {
        if (stream.kind === 'files') throw failure('BUG', { reason: 'files reached the mysql connector' });
        return writeTable(sessions, placeOf(path), tablePath(path, ownSchema), stream, o, {
          localInfile: config.local_infile ?? 'auto',
          log: context.log,
        });
      },

      async query(statement, parameters, o) {
        const place = sessions.place(`/${context.name}, \`query\``);
        if (o.readOnly !== true) return statementStream(sessions, place, statement, parameters, o);
        const source = await sessions.use(place, o, (session) =>
          querySource(session, statement, parameters, place.shown),
        );
        return rowStream(sessions, place, source, o);
      },

      async describe(path, o) {
        const place = placeOf(path);
        return sessions.use(place, o, async (session) => {
          const plain = path.replace(/^\/+|\/+$/g, '');
          if (plain === '') return { kind: 'folder' };
          const table = await findTable(session, tablePath(plain, ownSchema));
          if (table === undefined) {
            const folder = plain.includes('/') ? undefined : await describeSchema(session, plain);
            if (folder === undefined)
              throw failure('NOT_FOUND', { path: place.shown, hint: ': there is no such table or view' });
            return folder;
          }
          const { kind, size, rowEstimate } = table;
          const columns = table.columns.map(columnAlone);
          return {
            kind,
            columns,
            ...(size === undefined ? {} : { size }),
            ...(rowEstimate === undefined ? {} : { rowEstimate }),
          };
        });
      },

      /** What a write to this table has kept, in the table's database. */
      async checkpoint(path, name, o) {
        const place = placeOf(path);
        return sessions.use(place, o, (session) => readCheckpoint(session, tablePath(path, ownSchema), name));
      },

      async verify(o) {
        try {
          await sessions.use(sessions.place(`/${context.name}`), o, async ({ wire }) => wire.query('select 1'));
          return { ok: true };
        } catch (error) {
          if (o.signal.aborted) throw o.signal.reason;
          const { code, message } = asFailure(error, context.name);
          return { ok: false, code, reason: message };
        }
      },

      close: () => sessions.close(),
    };
  },
});

function refuseForeign({ filters, query }: ReadOptions): void {
  if (query !== undefined) throw failure('BUG', { reason: 'a query was given to `read` of the mysql connector' });
  if (filters !== undefined) {
    throw failure('OPTION_UNSUPPORTED', { what: '`filters`', where: 'a table', hint: '; say it in SQL with `where`' });
  }
}
