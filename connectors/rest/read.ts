// A resource as a stream of rows: its columns, the part that is new, and where a later read goes on.
import type { Cursor, ReadOptions } from '../../engine/contracts/connector.ts';
import type { Batch, Column, Row, RowStream, Value } from '../../engine/contracts/data.ts';
import { durationMs } from '../../engine/duration.ts';
import { failure } from '../../engine/errors.ts';
import { didYouMean } from '../../engine/suggest.ts';
import type { Manifest, ManifestResource } from '../../schemas/generated/types.ts';
import { incremental } from './incremental.ts';
import { type Checkpoint, type Part, partsOf } from './parts.ts';
import { type RowMaker, rowMaker } from './records.ts';
import type { Service } from './service.ts';

export async function readResource(service: Service, path: string, o: ReadOptions): Promise<RowStream> {
  o.signal.throwIfAborted();
  const { resource, shown } = resourceAt(service.manifest, service.name, path);
  const { where, query } = o;
  if (where !== undefined || query !== undefined) {
    throw failure('OPTION_UNSUPPORTED', {
      what: 'SQL',
      where: shown,
      hint: '; use `filters`, or a filter task after it',
    });
  }
  const cursor = o.cursor && cursorOf(resource, o.cursor, shown, o.checkpoints === true);
  const filters = { ...o.filters, ...cursor?.filters };
  const parts = partsOf(
    {
      service,
      resource,
      shown,
      filters,
      ...(o.partition === undefined ? {} : { partition: o.partition }),
      ...(o.after === undefined || cursor !== undefined ? {} : { after: o.after as unknown as Checkpoint }),
    },
    o,
  );
  const maker = rowMaker(resource, shown);
  const batches =
    cursor === undefined ? batchesOf(parts, maker, o) : incremental(batchesOf(parts, maker, o), cursor.reading);
  // The first page is asked for at once: what is wrong with the request is said before anything else begins.
  const first = await batches.next();
  const parentColumns = Object.keys(resource.parent?.columns ?? {}).map(
    (name): Column => ({ name, type: 'text', untyped: true }),
  );
  const columns = columnsOf(maker.declared, parentColumns, first.done === true ? [] : first.value.rows, o.columns);
  return {
    kind: 'rows',
    ...(columns === undefined ? {} : { columns }),
    ...(o.checkpoints === true || cursor !== undefined ? { checkpoints: true } : {}),
    batches: shaped(first, batches, columns, o.columns, shown),
  };
}

/** The resource that a path names. NOT_FOUND with near names. */
export function resourceAt(
  manifest: Manifest,
  connection: string,
  path: string,
): { resource: ManifestResource; shown: string } {
  const name = path.replace(/^\/+|\/+$/g, '');
  const shown = `/${connection}/${name}`;
  const resource = Object.hasOwn(manifest.resources, name) ? manifest.resources[name] : undefined;
  if (resource !== undefined) return { resource, shown };
  const names = Object.keys(manifest.resources);
  const near = didYouMean(name, names);
  throw failure('NOT_FOUND', { path: shown, hint: near || `; ${manifest.title} has ${names.join(', ')}` });
}

async function* batchesOf(parts: AsyncGenerator<Part>, maker: RowMaker, o: ReadOptions): AsyncGenerator<Batch> {
  let position = 0;
  let last: Value | undefined = o.after;
  for await (const { records, extra, checkpoint } of parts) {
    const rows = records.map((record) => {
      const row = maker.row(record, ++position);
      return extra === undefined ? row : { ...extra, ...row, ...extra };
    });
    last = checkpoint as unknown as Value;
    yield o.checkpoints === true ? { rows, checkpoint: last } : { rows };
  }
  if (position === 0 && o.checkpoints === true && last !== undefined) yield { rows: [], checkpoint: last };
}

function cursorOf(resource: ManifestResource, cursor: Cursor, shown: string, byBatch: boolean) {
  const declared = resource.cursor;
  const refused = (what: string, hint: string) => failure('OPTION_UNSUPPORTED', { what, where: shown, hint });
  if (declared === undefined) throw refused('`cursor`', ': its manifest names no column whose values grow');
  const { field, filter, order = 'none' } = declared;
  if (cursor.columns.length !== 1 || cursor.columns[0] !== field) {
    throw refused(`the cursor ${cursor.columns.join(', ')}`, `; the service can go on by "${field}" only`);
  }
  if (byBatch && order !== 'asc') {
    throw failure('NOT_RESUMABLE', {
      path: shown,
      reason: `the service does not give its records in the order of "${field}"; leave \`commit: batch\` out`,
    });
  }
  const after = (cursor.after as Row | undefined)?.[field] ?? undefined;
  const lookbackMs = cursor.lookback ?? (declared.lookback === undefined ? 0 : durationMs(declared.lookback));
  return {
    filters: after === undefined ? {} : { [filter]: lookedBack(after, lookbackMs) },
    reading: {
      field,
      order,
      after,
      until: (cursor.until as Row | undefined)?.[field] ?? undefined,
      inclusive: lookbackMs > 0,
      shown,
    },
  };
}

function lookedBack(after: Value, lookbackMs: number): Value {
  if (lookbackMs === 0) return after;
  if (typeof after === 'number') return after - lookbackMs;
  const at = Date.parse(String(after));
  return Number.isNaN(at) ? after : new Date(at - lookbackMs).toISOString();
}

/**
 * Those that the manifest declares, then those that the first page shows besides. Undefined where none are declared: the
 * records are as they come.
 */
function columnsOf(
  declared: readonly Column[],
  ofParent: readonly Column[],
  rows: readonly Row[],
  wanted: readonly string[] | undefined,
): readonly Column[] | undefined {
  if (declared.length === 0 && wanted === undefined) return undefined;
  const known = [...ofParent, ...declared];
  const names = new Set(known.map(({ name }) => name));
  for (const row of rows) for (const name of Object.keys(row)) names.add(name);
  const all = [...names].map(
    (name): Column => known.find((column) => column.name === name) ?? { name, type: 'text', untyped: true },
  );
  return (
    wanted?.map((name) => all.find((column) => column.name === name) ?? { name, type: 'text', untyped: true }) ?? all
  );
}

async function* shaped(
  first: IteratorResult<Batch>,
  rest: AsyncGenerator<Batch>,
  columns: readonly Column[] | undefined,
  wanted: readonly string[] | undefined,
  shown: string,
): AsyncGenerator<Batch> {
  const names = columns?.map(({ name }) => name);
  const known = new Set(names);
  let position = 0;
  try {
    for (let step = first; step.done !== true; step = await rest.next()) {
      if (names === undefined) {
        yield step.value;
        continue;
      }
      const rows = step.value.rows.map((row) => {
        position++;
        if (isShaped(row, names)) return row;
        const out: Row = {};
        for (const name of names) out[name] = row[name] ?? null;
        if (wanted === undefined)
          for (const name of Object.keys(row)) if (!known.has(name)) throw unknownField(name, position, shown);
        return out;
      });
      yield { ...step.value, rows };
    }
  } finally {
    await rest.return(undefined);
  }
}

/** Whether it has just these columns, in this order, as most rows do. */
function isShaped(row: Row, names: readonly string[]): boolean {
  let at = 0;
  for (const name in row) if (name !== names[at++]) return false;
  return at === names.length;
}

function unknownField(name: string, position: number, shown: string) {
  const hint = '; no record of the first page had it: name the columns you want with `columns`';
  return failure('COLUMN_UNKNOWN', { where: shown, column: name, record: `, but record ${position} has it`, hint });
}
