// read: files, a table, a query or a resource of an API.
import type { ReadOptions } from '../../engine/contracts/connector.ts';
import type { FileItem, Reading, Row, Stream, Value } from '../../engine/contracts/data.ts';
import type { Delivery, Task, TaskContext } from '../../engine/contracts/task.ts';
import { durationMs } from '../../engine/duration.ts';
import { failure } from '../../engine/errors.ts';
import type { MatchOptions } from '../../engine/globs.ts';
import type { ReadTask } from '../../schemas/generated/types.ts';
import { isPattern, onlyFile, readTarget } from '../files.ts';
import { operation, refuseOptions } from '../options.ts';

/** What only files have, and what only tables and resources have. */
const forFiles = ['format', 'since', 'until', 'order', 'schema', 'file_column', 'modified_column'] as const;
const forRows = ['filters', 'where', 'parameters', 'partition'] as const;

export const read: Task<ReadTask> = {
  op: 'read',
  accepts: ['nothing'],
  yields: 'either',

  delivery(params) {
    const { path, query: statement, connection, cursor } = params;
    if (cursor === undefined) return {};
    const source = { path, connection, query: statement } as Value;
    if (statement !== undefined || path === '-') {
      const hint = '; it is for a table or a resource';
      const read = statement === undefined ? 'stdin' : '`query`';
      throw failure('OPTION_UNSUPPORTED', { what: '`cursor`', where: read, hint });
    }
    return { cursor: cursorOf(cursor), source };
  },

  async run(_, params, context) {
    if (params.query !== undefined) return query(params.query, params, context);
    if (params.path === '-') {
      refuseOptions(params, ['connection', 'since', 'until', 'missing', ...forRows], 'stdin');
      return onlyFile(stdin(context), readingOf(params));
    }
    const target = await context.resolve(params.path!, params.connection);
    if (isPattern(target)) refuseOptions(params, forRows, `files (${target.shown})`);
    const stream = await readTarget(target, matchOptions(params, context), {
      ...rowOptions(params),
      ...deliveryOptions(context),
    });
    if (stream.kind === 'files') {
      refuseOptions(params, [...forRows, 'cursor'], `files (${target.shown})`);
      return { ...stream, ...readingOf(params) };
    }
    refuseOptions(params, forFiles, `tables and resources (${target.shown})`);
    return stream;
  },
};

async function query(statement: string, params: ReadTask, context: TaskContext): Promise<Stream> {
  const hint = '; the query says what to read';
  refuseOptions(params, ['path', 'columns', 'filters', 'where', 'partition', ...forFiles, 'missing'], '`query`', hint);
  if (params.connection === undefined) {
    const where = 'a read task without `connection`';
    throw failure('OPTION_UNSUPPORTED', { what: '`query`', where, hint: '; name the one that runs it' });
  }
  const target = await context.resolve('', params.connection);
  const run = operation(target, 'query');
  return run(statement, (params.parameters ?? []) as Value[], { signal: context.signal, readOnly: true });
}

/** Where the engine has the read begin, and whether its batches must say how far they are. */
function deliveryOptions({ delivery: { checkpoints, cursor } }: TaskContext): Omit<ReadOptions, 'signal'> {
  return {
    ...(cursor === undefined ? {} : { cursor }),
    ...(checkpoints === undefined ? {} : { checkpoints: true, ...checkpoints }),
  };
}

function cursorOf(cursor: NonNullable<ReadTask['cursor']>): NonNullable<Delivery['cursor']> {
  const given = typeof cursor === 'string' || Array.isArray(cursor) ? { columns: cursor } : cursor;
  const { start, lookback, name } = given as Exclude<ReadTask['cursor'], string | string[] | undefined>;
  const columns = [given.columns].flat();
  return {
    columns,
    ...(start === undefined ? {} : { start: startOf(start as Value, columns) }),
    ...(lookback === undefined ? {} : { lookback: typeof lookback === 'number' ? lookback : durationMs(lookback) }),
    ...(name === undefined ? {} : { name }),
  };
}

/** A value for each column. */
function startOf(start: Value, columns: readonly string[]): Value {
  const isMap = typeof start === 'object' && start !== null && !Array.isArray(start);
  if (isMap && columns.every((column) => Object.hasOwn(start, column))) return start;
  if (!isMap && columns.length === 1) return { [columns[0]!]: start };
  const what = '`start` without a value for each column';
  const example = columns.map((column) => `${column}: …`).join(', ');
  throw failure('OPTION_UNSUPPORTED', { what, where: '`cursor`', hint: `; say start: { ${example} }` });
}

function matchOptions({ since, until, order, missing }: ReadTask, { signal }: TaskContext): MatchOptions {
  return { signal, ...defined({ since, until, order, missing }) };
}

function rowOptions({ columns, filters, where, parameters, partition }: ReadTask): Omit<ReadOptions, 'signal'> {
  const parts = typeof partition === 'object' ? { into: 'auto' as const, ...partition } : { into: partition };
  return defined({
    columns,
    filters: filters as Row | undefined,
    where,
    parameters: parameters as Value[] | undefined,
    partition: partition === undefined ? undefined : parts,
  }) as Omit<ReadOptions, 'signal'>;
}

/** How the files are to be decoded, where a later task wants rows of them. */
function readingOf(params: ReadTask): { reading?: Reading } {
  const { format, schema, file_column: fileColumn, modified_column: modifiedColumn, columns } = params;
  const added = [fileColumn, modifiedColumn].filter((name) => name !== undefined && !columns?.includes(name));
  const reading = defined({
    format,
    schema,
    fileColumn,
    modifiedColumn,
    columns: columns && [...columns, ...added],
  }) as Reading;
  return Object.keys(reading).length === 0 ? {} : { reading };
}

function stdin({ stdin: bytes }: TaskContext): FileItem {
  return { name: 'stdin', path: '-', contentType: 'application/octet-stream', once: true, open: () => bytes() };
}

/** Without the keys that have no value, so that a default at the other end holds. */
function defined<T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never;
}
