// Postgres: tables and queries read through COPY TO, written through COPY FROM.
import { defineConnector, type ReadOptions } from '../../engine/contracts/connector.ts';
import { asFailure, failure } from '../../engine/errors.ts';
import { describeSchema, findTable, listEntries, tablePath } from './catalog.ts';
import { readCheckpoint } from './checkpoint.ts';
import { type Config, createSessions, inTransaction } from './connect.ts';
import { copyStream } from './copy.ts';
import { orderedStream, orderOf } from './ordered.ts';
import { partitioned, partsOf } from './partition.ts';
import { statementStream } from './run-statement.ts';
import { querySource, tableSource } from './source.ts';
import { writeTable } from './write.ts';

export const connector = defineConnector({
  name: 'postgres',
  capabilities: ['list', 'read', 'write', 'query', 'describe', 'checkpoint'],
  stores: 'rows',

  open(config: Config, context) {
    const sessions = createSessions(config, context);
    const ownSchema = config.schema ?? 'public';
    const placeOf = (path: string) => sessions.place(`/${context.name}/${path.replace(/^\/+/, '')}`);

    return {
      async *list(path, o) {
        yield* await sessions.use(placeOf(path), o, ({ client }) => listEntries(client, path, o));
      },

      /** A table or a view. */
      async read(path, o) {
        refuseOthers(o);
        const place = placeOf(path);
        const { source, order, parts } = await sessions.use(place, o, (session) =>
          inTransaction(session, 'read only', async () => {
            const table = await findTable(session.client, tablePath(path, ownSchema));
            if (table === undefined)
              throw failure('NOT_FOUND', { path: place.shown, hint: ': there is no such table or view' });
            const source = await tableSource(session, table, o, place.shown);
            const order = await orderOf(session, source, o, place.shown);
            return { source, order, parts: order ? undefined : partsOf(source, o, session.version, place.shown) };
          }),
        );
        if (order !== undefined) return orderedStream(sessions, place, source, order, o);
        const whole = copyStream(sessions, place, source, o);
        return parts === undefined ? whole : partitioned(sessions, place, source, parts, whole, o);
      },

      async write(path, stream, o) {
        if (stream.kind === 'files') throw failure('BUG', { reason: 'files reached the postgres connector' });
        return writeTable(sessions, placeOf(path), tablePath(path, ownSchema), stream, o);
      },

      async checkpoint(path, name, o) {
        return sessions.use(placeOf(path), o, ({ client }) => readCheckpoint(client, tablePath(path, ownSchema), name));
      },

      async query(statement, parameters, o) {
        const place = sessions.place(`/${context.name}, \`query\``);
        if (o.readOnly !== true) return statementStream(sessions, place, statement, parameters, o);
        const source = await sessions.use(place, o, (session) =>
          inTransaction(session, 'read only', () => querySource(session, statement, parameters, place.shown)),
        );
        return copyStream(sessions, place, source, o);
      },

      async describe(path, o) {
        const place = placeOf(path);
        return sessions.use(place, o, async ({ client }) => {
          const plain = path.replace(/^\/+|\/+$/g, '');
          if (plain === '') return { kind: 'folder' };
          const table = await findTable(client, tablePath(plain, ownSchema));
          if (table === undefined) {
            const folder = plain.includes('/') ? undefined : await describeSchema(client, plain);
            if (folder === undefined)
              throw failure('NOT_FOUND', { path: place.shown, hint: ': there is no such table or view' });
            return folder;
          }
          const { kind, size, rowEstimate } = table;
          const columns = table.columns.map(({ generated: _, ...column }) => column);
          return { kind, columns, size, ...(rowEstimate === undefined ? {} : { rowEstimate }) };
        });
      },

      async verify(o) {
        try {
          await sessions.use(sessions.place(`/${context.name}`), o, async ({ client }) => client.query('select 1'));
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

function refuseOthers({ filters, query, partition, cursor, checkpoints }: ReadOptions): void {
  if (query !== undefined) throw failure('BUG', { reason: 'a query was given to `read` of the postgres connector' });
  const refused = (what: string, where: string, hint = '') => failure('OPTION_UNSUPPORTED', { what, where, hint });
  if (filters !== undefined) throw refused('`filters`', 'a table', '; say it in SQL with `where`');
  if (partition === undefined || partition.into === 'auto') return;
  if (cursor !== undefined) throw refused('`partition`', 'a read with `cursor`, which reads in order');
  if (checkpoints === true) throw refused('`partition`', 'a pipe with `commit: batch`, which reads in order');
}
