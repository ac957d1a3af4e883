// From a path of the language to an open connection: the pipe's own, the project's, the user's, a URL or a local file.
import { resolve } from 'node:path';
import type { FoundConnection } from './connections.ts';
import type { AnyConnection, AnyConnector, WriteReport } from './contracts/connector.ts';
import type { Batch, Stream } from './contracts/data.ts';
import type { Log, Target } from './contracts/task.ts';
import { failure } from './errors.ts';
import { showPath, splitPath } from './paths.ts';
import type { PlannedTask } from './plan.ts';
import type { TaskState } from './run.ts';

export interface TargetParts {
  /** Relative local paths start here. */
  folder: string;
  find(name: string): FoundConnection;
  open(found: FoundConnection, state: TaskState, log: Log): Promise<Opened>;
  dryRun: boolean;
  /** In a test, asked for every path before anything is opened. */
  standIns?: StandIns | undefined;
}

/** What a test has in place of the systems that paths lead to. */
export interface StandIns {
  /** What stands in for the place; or, where the connector itself may be opened, the connection as the test has it. */
  at(place: Place): Promise<{ target: Target } | { found: FoundConnection }>;
}

export interface Place {
  task: PlannedTask;
  found: FoundConnection;
  /** Inside the connection. */
  path: string;
  shown: string;
}

interface Opened {
  connector: AnyConnector;
  connection: AnyConnection;
}

/** Opens what paths mean, each connection once per task; `close` closes them all. */
export interface Targets {
  resolve(path: string, connection: string | undefined, state: TaskState, log: Log): Promise<Target>;
  close(): Promise<void>;
}

const LOCAL: FoundConnection = {
  name: '',
  alias: undefined,
  definition: { connector: 'local' },
  home: 'built in',
  shadows: [],
};
const PUBLIC: FoundConnection = {
  name: '',
  alias: undefined,
  definition: { connector: 'http' },
  home: 'built in',
  shadows: [],
};

export function createTargets(parts: TargetParts): Targets {
  const opened = new Map<string, Promise<Opened>>();

  const open = (found: FoundConnection, state: TaskState, log: Log): Promise<Opened> => {
    const key = `${state.opens} ${found.definition.connector} ${found.name}`;
    let opening = opened.get(key);
    if (opening === undefined) {
      opening = parts.open(found, state, log).then(({ connector, connection }) => ({
        connector,
        connection: parts.dryRun ? withoutEffects(connection, found.name, log) : connection,
      }));
      opened.set(key, opening);
    }
    return opening;
  };
  return {
    async resolve(text, name, state, log) {
      const target = async (meant: FoundConnection, path: string, shown: string): Promise<Target> => {
        const stand = await parts.standIns?.at({ task: state.task, found: meant, path, shown });
        if (stand !== undefined && 'target' in stand) return stand.target;
        const { connection, connector } = await open(stand?.found ?? meant, state, log);
        return { connection, connector: connector.name, stores: connector.stores, path, shown };
      };
      if (name !== undefined) {
        const path = text.replace(/^\/+/, '');
        return target(parts.find(name), path, `/${name}/${path}`);
      }
      const path = splitPath(text);
      switch (path.kind) {
        case 'connection':
          return target(parts.find(path.name), path.path, showPath(path));
        case 'url':
          return target(PUBLIC, path.url, path.url);
        case 'local':
          // `resolve` drops the slash that says "into this folder".
          return target(LOCAL, resolve(parts.folder, path.path) + (/.\/$/.test(path.path) ? '/' : ''), text);
        case 'stdio':
          throw failure('PATH_INVALID', { path: '-', reason: 'means stdin or stdout, and this task can use neither' });
      }
    },
    async close() {
      const all = await Promise.allSettled(opened.values());
      await Promise.allSettled(
        all.map((each) => (each.status === 'fulfilled' ? each.value.connection.close() : undefined)),
      );
      opened.clear();
    },
  };
}

/** A connection for a dry run: reads go through, everything else is only told. */
function withoutEffects(connection: AnyConnection, name: string, log: Log): AnyConnection {
  const told = (what: string) => async (path: string) => log.info(`dry run: would ${what} ${path}`);
  const { request, query } = connection;
  return {
    ...connection,
    ...(query === undefined
      ? {}
      : {
          query: async (statement, parameters, o) => {
            if (o.readOnly === true) return query.call(connection, statement, parameters, o);
            for (const each of [...(o.before ?? []), statement]) log.info(`dry run: would run in ${name}: ${each}`);
            return { kind: 'rows', batches: noBatches() };
          },
        }),
    ...(connection.write === undefined ? {} : { write: (path: string, stream: Stream) => drain(path, stream, log) }),
    ...(connection.remove === undefined ? {} : { remove: told('delete') }),
    ...(connection.makeFolder === undefined ? {} : { makeFolder: told('make the folder') }),
    ...(connection.copy === undefined
      ? {}
      : {
          copy: async (from, to) => {
            log.info(`dry run: would copy ${from} to ${to}`);
            return { paths: [] };
          },
        }),
    ...(connection.send === undefined ? {} : { send: async () => ({ id: 'dry-run' }) }),
    ...(request === undefined
      ? {}
      : {
          request: (asked, o) => {
            if (['GET', 'HEAD'].includes((asked.method ?? 'GET').toUpperCase()))
              return request.call(connection, asked, o);
            throw failure('OPTION_UNSUPPORTED', { what: `--dry-run with a ${asked.method} request`, where: name });
          },
        }),
  };
}

async function* noBatches(): AsyncGenerator<Batch> {}

async function drain(path: string, stream: Stream, log: Log): Promise<WriteReport> {
  let rows = 0;
  let bytes = 0;
  if (stream.kind === 'rows') for await (const batch of stream.batches) rows += batch.rows.length;
  else for await (const file of stream.files) for await (const chunk of file.open()) bytes += chunk.length;
  log.info(`dry run: would write ${path}`);
  return { ...(stream.kind === 'rows' ? { rows } : { bytes }), paths: [] } satisfies WriteReport;
}
