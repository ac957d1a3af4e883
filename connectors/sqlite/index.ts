// SQLite: tables and queries of a file of this machine.
import { defineConnector, type ReadOptions } from '../../engine/contracts/connector.ts';
import { asFailure, failure } from '../../engine/errors.ts';
import { describeTable, findTable, listEntries, schemaName, tableName } from './catalog.ts';
import { findCheckpoint } from './checkpoints.ts';
import { type Config, createFile } from './connect.ts';
import { orderedStream, orderOf } from './ordered.ts';
import { columnNamed, querySource, rowStream, tableSource } from './read.ts';
import { statementStream } from './run-statement.ts';
import { writeTable } from './write.ts';

export type { Config };

export const connector = defineConnector({
  name: 'sqlite',
  capabilities: ['list', 'read', 'write', 'query', 'describe', 'checkpoint'],
  stores: 'rows',

  open(config: Config, context) {
    const file = createFile(config, context);
    const placeOf = (path: string) => file.place(`/${context.name}/${path.replace(/^\/+/, '')}`);
    const noTable = (shown: string) => failure('NOT_FOUND', { path: shown, hint: ': there is no such table or view' });

    return {
      async *list(path, o) {
        const place = placeOf(path);
        yield* await file.read(place, o, (handle) => listEntries(handle, path, o.recursive === true, place.shown));
      },

      /** A table or a view. */
      async read(path, o) {
        refuseOthers(o);
        const place = placeOf(path);
        const { source, order } = await file.read(place, o, (handle) => {
          const table = findTable(handle, tableName(path, place.shown));
          if (table === undefined) throw noTable(place.shown);
          // Parts would take turns: SQLite reads in the thread that asks, so all is read in one go.
          if (o.partition?.by !== undefined) columnNamed(table, o.partition.by, place.shown);
          const source = tableSource(handle, table, o, place.shown);
          return { source, order: orderOf(handle, source, o, place.shown) };
        });
        return order === undefined ? rowStream(file, place, source, o) : orderedStream(file, place, source, order, o);
      },

      async write(path, stream, o) {
        if (stream.kind === 'files') throw failure('BUG', { reason: 'files reached the sqlite connector' });
        return writeTable(file, placeOf(path), path, stream, o);
      },

      async query(statement, parameters, o) {
        const place = file.place(`/${context.name}, \`query\``);
        if (o.readOnly !== true) return statementStream(file, place, statement, parameters, o);
        const source = await file.read(place, o, (handle) => querySource(handle, statement, parameters, place.shown));
        return rowStream(file, place, source, o);
      },

      async describe(path, o) {
        const place = placeOf(path);
        return file.read(place, o, (handle) => {
          const plain = path.replace(/^\/+|\/+$/g, '');
          if (plain === '' || plain.toLowerCase() === schemaName) return { kind: 'folder' };
          const table = findTable(handle, tableName(plain, place.shown));
          if (table === undefined) throw noTable(place.shown);
          return describeTable(handle, table);
        });
      },

      async checkpoint(path, name, o) {
        const place = placeOf(path);
        if (!(await file.exists())) return undefined;
        return file.read(place, o, (handle) => findCheckpoint(handle, name));
      },

      /** A file that is not there yet is as good as one: the first write makes it. */
      async verify(o) {
        try {
          if ((await file.exists()) || config.create === false || config.read_only === true) {
            await file.read(file.place(`/${context.name}`), o, (handle) => handle.all('select 1 from sqlite_schema'));
          }
          return { ok: true };
        } catch (error) {
          if (o.signal.aborted) throw o.signal.reason;
          const { code, message } = asFailure(error, context.name);
          return { ok: false, code, reason: message };
        }
      },

      async close() {},
    };
  },
});

function refuseOthers({ filters, query, partition, cursor, checkpoints }: ReadOptions): void {
  if (query !== undefined) throw failure('BUG', { reason: 'a query was given to `read` of the sqlite connector' });
  const refused = (what: string, where: string, hint = '') => failure('OPTION_UNSUPPORTED', { what, where, hint });
  if (filters !== undefined) throw refused('`filters`', 'a table', '; say it in SQL with `where`');
  if (partition === undefined || partition.into === 'auto') return;
  if (cursor !== undefined) throw refused('`partition`', 'a read with `cursor`, which reads in order');
  if (checkpoints === true) throw refused('`partition`', 'a pipe with `commit: batch`, which reads in order');
}
