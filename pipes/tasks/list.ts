// list: files and folders, tables or resources, a row for each.
import type { Entry } from '../../engine/contracts/connector.ts';
import type { Column, Row } from '../../engine/contracts/data.ts';
import type { Target, Task, TaskContext } from '../../engine/contracts/task.ts';
import { timeTest } from '../../engine/globs.ts';
import { matcher, splitPattern } from '../../engine/paths.ts';
import type { ListTask } from '../../schemas/generated/types.ts';
import { isPattern, plainPath } from '../files.ts';
import { operation, refuseOptions } from '../options.ts';

const columns: readonly Column[] = [
  { name: 'name', type: 'text' },
  { name: 'path', type: 'text' },
  { name: 'kind', type: 'text' },
  { name: 'size', type: 'integer', nullable: true },
  { name: 'modified', type: 'timestamptz', nullable: true },
  { name: 'content_type', type: 'text', nullable: true },
];

const batchRows = 1000;

export const list: Task<ListTask> = {
  op: 'list',
  accepts: ['nothing'],
  yields: 'rows',

  async run(_, params, context) {
    const target = await context.resolve(params.path, params.connection);
    if (isPattern(target)) refuseOptions(params, ['recursive'], 'a pattern', '; `**` in it goes into folders');
    return { kind: 'rows', columns, batches: batched(rowsOf(target, params, context)) };
  },
};

async function* batched(all: AsyncIterable<Row>) {
  let rows: Row[] = [];
  for await (const row of all) {
    if (rows.push(row) < batchRows) continue;
    yield { rows };
    rows = [];
  }
  if (rows.length > 0) yield { rows };
}

async function* rowsOf(target: Target, params: ListTask, context: TaskContext): AsyncGenerator<Row> {
  for await (const { entry, shown } of inOrder(found(target, params, context), params.order ?? 'name')) {
    yield {
      name: entry.name,
      path: shown,
      kind: entry.kind,
      size: entry.size ?? null,
      modified: entry.modified ?? null,
      content_type: entry.contentType ?? null,
    };
  }
}

interface Found {
  entry: Entry;
  shown: string;
}

async function* found(target: Target, params: ListTask, context: TaskContext): AsyncGenerator<Found> {
  const { base, shownBase, pattern } = placeOf(target);
  const fits = pattern === undefined ? () => true : matcher(pattern);
  const inTime = timeTest(params);
  const timed = params.since !== undefined || params.until !== undefined;
  const entries = operation(target, 'list')(base, {
    signal: context.signal,
    recursive: params.recursive === true || (pattern !== undefined && /\/|\*\*/.test(pattern)),
    sorted: params.order === undefined || params.order === 'name',
  });
  for await (const entry of entries) {
    if (params.kinds !== undefined && !params.kinds.includes(entry.kind)) continue;
    // The folders of an object store have no times; that is no reason to refuse the files in them.
    if (timed && entry.modified === undefined && entry.kind === 'folder') continue;
    const below = belowBase(entry.path, base);
    if (!fits(below) || !inTime(entry, target.shown)) continue;
    yield { entry, shown: below === '' ? target.shown : shownBase + below };
  }
}

function belowBase(path: string, base: string): string {
  if (path === base) return '';
  return base === '' || base.endsWith('/') ? path.slice(base.length) : path.slice(base.length + 1);
}

/** The folder to list, how it is shown with a slash at the end, and the pattern below it. */
function placeOf(target: Target): { base: string; shownBase: string; pattern: string | undefined } {
  if (!isPattern(target)) {
    const base = plainPath(target);
    return { base, shownBase: target.shown.endsWith('/') ? target.shown : `${target.shown}/`, pattern: undefined };
  }
  const { base, rest } = splitPattern(target.path);
  return { base, shownBase: target.shown.slice(0, target.shown.length - rest.length), pattern: rest };
}

async function* inOrder(all: AsyncIterable<Found>, order: NonNullable<ListTask['order']>): AsyncGenerator<Found> {
  if (order === 'name' || order === 'none') return yield* all;
  const held: Found[] = [];
  for await (const each of all) held.push(each);
  const key = ({ entry }: Found) => (order === 'size' ? (entry.size ?? 0) : Date.parse(entry.modified ?? '1970-01-01'));
  held.sort((a, b) => key(a) - key(b) || (a.entry.path < b.entry.path ? -1 : 1));
  yield* held;
}
