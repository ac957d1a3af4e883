// Looking inside connections: what is there, the first rows of it, its columns, its bytes. By the same tasks that pipes have.
import type { Task as TaskDefinition } from '../schemas/generated/types.ts';
import { keyOf, validateDefinition } from './connection-places.ts';
import { createLookup, type FoundConnection, requireConnection } from './connections.ts';
import { loaderOf } from './connector-parts.ts';
import type { Description } from './contracts/connector.ts';
import type { Column, ColumnType, Row, RowStream, Value } from './contracts/data.ts';
import type { FormatChoice, Log } from './contracts/task.ts';
import { Failure, failure } from './errors.ts';
import type { Homes } from './homes.ts';
import { loadValue } from './load.ts';
import { openFound } from './opening.ts';
import { splitPath } from './paths.ts';
import { createPlan } from './plan.ts';
import { type RunOptions, startRun } from './run.ts';
import type { Surroundings } from './surroundings.ts';

export interface LookOptions {
  signal?: AbortSignal;
  /** At most so many; what is left over is told. */
  limit?: number;
  format?: FormatChoice;
}

export interface ListedEntry {
  name: string;
  path: string;
  kind: 'file' | 'folder' | 'table' | 'view' | 'resource' | 'connection';
  size?: number;
  modified?: string;
  contentType?: string;
}

export interface SampledRows {
  /** As far as they are known. */
  columns: Column[];
  rows: Row[];
  /** Whether there is more. */
  truncated: boolean;
}

const silent: Log = { debug() {}, info() {}, warn() {} };

/** Files, folders, tables or resources, a page at a time; the connections themselves for `/`. */
export async function listInside(
  surroundings: Surroundings,
  path: string,
  { offset = 0, limit = 1000, recursive = false, ...o }: LookOptions & { offset?: number; recursive?: boolean },
): Promise<{ entries: ListedEntry[]; hasMore: boolean }> {
  if (path === '' || path === '/') {
    const { homes } = await surroundings.around(surroundings.folder);
    const all = createLookup(homes).all();
    const entries = all.map(({ alias, name }) => alias ?? name).sort();
    const page = entries.slice(offset, offset + limit);
    return {
      entries: page.map((name) => ({ name, path: `/${name}`, kind: 'connection' })),
      hasMore: entries.length > offset + limit,
    };
  }
  await usable(surroundings, path);
  const tasks = [{ op: 'list', path, ...(recursive ? { recursive } : {}) }] as TaskDefinition[];
  const { rows, truncated } = await taken(surroundings, tasks, { ...o, limit: offset + limit });
  return { entries: rows.slice(offset).map(entryOf), hasMore: truncated };
}

function entryOf(row: Row): ListedEntry {
  const { name, path, kind, size, modified, content_type: contentType } = row;
  return {
    name: String(name),
    path: String(path),
    kind: kind as ListedEntry['kind'],
    ...(size == null ? {} : { size: Number(size) }),
    ...(modified == null ? {} : { modified: String(modified) }),
    ...(contentType == null ? {} : { contentType: String(contentType) }),
  };
}

/** The first rows of a path of the language; 20 unless told. */
export async function sampleRows(
  surroundings: Surroundings,
  path: string,
  { limit = 20, format, ...o }: LookOptions,
): Promise<SampledRows> {
  await usable(surroundings, path);
  const tasks = [{ op: 'read', path, ...(format === undefined ? {} : { format }) }] as TaskDefinition[];
  return taken(surroundings, tasks, { ...o, limit });
}

/** The rows of a statement, in a transaction that can only read; 1,000 unless told. */
export async function queryRows(
  surroundings: Surroundings,
  connection: string,
  statement: string,
  { limit = 1000, parameters, ...o }: LookOptions & { parameters?: readonly Value[] },
): Promise<SampledRows> {
  const { found } = await usable(surroundings, `/${connection}`);
  const connector = await loaderOf(found!, surroundings.parts)!();
  if (!connector.capabilities.includes('query'))
    throw failure('CAPABILITY_MISSING', {
      connector: connector.name,
      capability: 'run SQL',
      hint: '; look into it with `pipe ls` and `pipe sample`',
    });
  const tasks = [
    { op: 'read', connection, query: statement, ...(parameters === undefined ? {} : { parameters }) },
  ] as unknown as TaskDefinition[];
  return taken(surroundings, tasks, { ...o, limit });
}

export interface PathDescription extends Description {
  path: string;
}

/** What a path leads to: for a table its columns, types and keys, for a file those of the rows in it as well. */
export async function describePath(
  surroundings: Surroundings,
  path: string,
  { format, ...o }: Omit<LookOptions, 'limit'>,
): Promise<PathDescription> {
  const { homes, found, inside } = await usable(surroundings, path);
  const signal = o.signal ?? new AbortController().signal;
  let description: Description = { kind: 'file' };
  if (found !== undefined) {
    const services = surroundings.services(homes);
    const { connection, connector } = await openFound(found, {
      ...{ parts: surroundings.parts, services, params: {}, folder: surroundings.folder, signal, log: silent },
      retry: (work) => work(1),
    });
    try {
      if (connection.describe === undefined)
        throw failure('CAPABILITY_MISSING', {
          connector: connector.name,
          capability: 'be described',
          hint: '; `pipe sample` shows what is in it',
        });
      description = await connection.describe(inside, { signal });
    } finally {
      await connection.close();
    }
  }
  if (description.kind !== 'file' || description.columns !== undefined) return { path, ...description };
  const columns = await columnsOf(surroundings, path, { signal, ...(format === undefined ? {} : { format }) });
  return { path, ...description, ...(columns === undefined ? {} : { columns }) };
}

async function columnsOf(surroundings: Surroundings, path: string, o: LookOptions): Promise<Column[] | undefined> {
  try {
    const { columns, rows } = await sampleRows(surroundings, path, { ...o, limit: 100 });
    return columns.length > 0 ? columns : guessedColumns(rows);
  } catch (error) {
    // A picture or an archive has no columns.
    if (error instanceof Failure && error.code === 'FORMAT_UNKNOWN' && o.format === undefined) return undefined;
    throw error;
  }
}

/** For rows whose columns are seen only as they come. */
export function guessedColumns(rows: readonly Row[]): Column[] {
  const found = new Map<string, { types: Set<ColumnType>; nullable: boolean; count: number }>();
  for (const row of rows) {
    for (const [name, value] of Object.entries(row)) {
      const column = found.get(name) ?? { types: new Set(), nullable: false, count: 0 };
      column.count += 1;
      if (value === null) column.nullable = true;
      else column.types.add(typeOfValue(value));
      found.set(name, column);
    }
  }
  return [...found].map(([name, { types, nullable, count }]) => ({
    name,
    type:
      types.size === 1
        ? [...types][0]!
        : types.size === 2 && types.has('integer') && types.has('double')
          ? 'double'
          : types.size === 0
            ? 'text'
            : 'json',
    nullable: nullable || count < rows.length,
    untyped: true,
  }));
}

function typeOfValue(value: Exclude<Value, null>): ColumnType {
  switch (typeof value) {
    case 'boolean':
      return 'boolean';
    case 'bigint':
      return 'integer';
    case 'number':
      return Number.isInteger(value) ? 'integer' : 'double';
    case 'string':
      return 'text';
    default:
      return value instanceof Uint8Array ? 'binary' : 'json';
  }
}

/** The bytes of files as they are; rows as CSV, or in the format that is asked for. */
export async function catPath(
  surroundings: Surroundings,
  path: string,
  out: (chunk: Uint8Array) => Promise<void>,
  { format, ...o }: Omit<LookOptions, 'limit'>,
): Promise<void> {
  const { found } = await usable(surroundings, path);
  const stores = found === undefined ? 'files' : (await loaderOf(found, surroundings.parts)!()).stores;
  const written = format ?? (stores === 'rows' ? 'csv' : undefined);
  const write = { op: 'write', path: '-', ...(written === undefined ? {} : { format: written }) };
  await ran(surroundings, [{ op: 'read', path }, write] as TaskDefinition[], { stdout: out, ...o });
}

/** Copies files as they are, or rows: from a table into a file, from a file into a table. */
export async function copyPath(
  surroundings: Surroundings,
  from: string,
  to: string,
  o: { signal?: AbortSignal },
): Promise<void> {
  const [source, target] = [await usable(surroundings, from), await usable(surroundings, to)];
  const stores = async ({ found }: Used) =>
    found === undefined ? 'files' : (await loaderOf(found, surroundings.parts)!()).stores;
  const rows = [await stores(source), await stores(target)].includes('rows');
  const tasks = rows
    ? [
        { op: 'read', path: from },
        { op: 'write', path: to },
      ]
    : [{ op: 'copy', from, to }];
  await ran(surroundings, tasks as unknown as TaskDefinition[], o);
}

interface Used {
  homes: Homes;
  /** Undefined for local files and public URLs. */
  found: FoundConnection | undefined;
  /** The path inside the connection. */
  inside: string;
}

/** Finds the connection of a path, and refuses one that is unknown, disabled or not valid before anything is tried. */
async function usable(surroundings: Surroundings, path: string): Promise<Used> {
  const homes = await surroundings.around(surroundings.folder);
  const split = splitPath(path);
  if (split.kind !== 'connection') return { homes, found: undefined, inside: '' };
  const found = requireConnection(createLookup(homes.homes), split.name);
  await validateDefinition(surroundings, keyOf(found), found.definition);
  return { homes, found, inside: split.path };
}

async function taken(
  surroundings: Surroundings,
  tasks: TaskDefinition[],
  { limit, signal }: { limit: number; signal?: AbortSignal },
): Promise<SampledRows> {
  const rows: Row[] = [];
  let columns: Column[] = [];
  const take = async (stream: RowStream) => {
    columns = [...(stream.columns ?? [])];
    for await (const batch of stream.batches) {
      for (const row of batch.rows) if (rows.push(row) > limit) return;
    }
  };
  await ran(surroundings, tasks, { take, limit: limit + 1, ...(signal === undefined ? {} : { signal }) });
  return { columns, rows: rows.slice(0, limit), truncated: rows.length > limit };
}

async function ran(surroundings: Surroundings, tasks: TaskDefinition[], options: RunOptions): Promise<void> {
  const pipe = { name: 'look', tasks };
  const { source } = await loadValue(pipe, '<look>');
  const homes = await surroundings.around(surroundings.folder);
  const plan = createPlan(
    {
      pipe,
      source: source!,
      folder: surroundings.folder,
      modules: { refused: 'this is no pipe' },
      given: {},
      homes: homes.homes,
    },
    surroundings.parts,
  );
  const { error } = await startRun(plan, surroundings.parts, surroundings.services(homes), options).result;
  if (error !== undefined) throw error;
}
