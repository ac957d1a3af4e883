// dump: shows the first rows or file names that pass by in the log, and passes everything on.
import type { Batch, Column, FileItem, Row, RowStream, Value } from '../../engine/contracts/data.ts';
import type { Task, TaskContext } from '../../engine/contracts/task.ts';
import type { DumpTask } from '../../schemas/generated/types.ts';
import { columnUnknown, requireColumns } from '../columns.ts';
import { jsonText } from '../formats/values/json.ts';
import { valueText } from '../formats/values.ts';

export const dump: Task<DumpTask> = {
  op: 'dump',
  accepts: ['rows', 'files'],
  yields: 'same',

  async run(input, params, context) {
    if (input?.kind === 'files') return { ...input, files: dumpedFiles(input.files, params, context) };
    requireColumns(params.columns ?? [], input!.columns, context);
    const { encoded: _, ...rows } = input as RowStream;
    return { ...rows, batches: dumpedRows(rows, params, context) };
  },
};

/** They are shown before they are passed on, because whoever gets them may change them. */
async function* dumpedRows(input: RowStream, params: DumpTask, context: TaskContext): AsyncGenerator<Batch> {
  const { rows: most = 20, style = 'table' } = params;
  const kept: Record<string, string>[] = [];
  let shown = most === 0;
  const show = () => {
    shown = true;
    const names = params.columns ?? input.columns?.map(({ name }) => name) ?? namesOf(kept);
    context.log.info(style === 'json' ? jsonLines(kept, names) : table(kept, names));
  };
  for await (const batch of input.batches) {
    for (const row of shown ? [] : batch.rows) {
      kept.push(texts(row, params, input.columns, context));
      if (kept.length === most) {
        show();
        break;
      }
    }
    yield batch;
  }
  if (!shown) show();
}

async function* dumpedFiles(files: AsyncIterable<FileItem>, params: DumpTask, context: TaskContext) {
  const { rows: most = 20 } = params;
  let count = 0;
  for await (const file of files) {
    count += 1;
    if (count <= most) context.log.info(file.size === undefined ? file.path : `${file.path} (${file.size} bytes)`);
    yield file;
  }
}

function texts(
  row: Row,
  { columns, style }: DumpTask,
  known: readonly Column[] | undefined,
  context: TaskContext,
): Record<string, string> {
  const made: Record<string, string> = {};
  for (const name of columns ?? known?.map((column) => column.name) ?? Object.keys(row)) {
    const value = row[name];
    if (value === undefined && columns !== undefined) throw columnUnknown(context, name, Object.keys(row));
    if (value !== undefined) made[name] = style === 'json' ? jsonText(value) : cell(value);
  }
  return made;
}

function namesOf(rows: readonly object[]): string[] {
  return [...new Set(rows.flatMap((row) => Object.keys(row)))];
}

function jsonLines(rows: readonly Record<string, string>[], names: readonly string[]): string {
  return rows
    .map((row) => {
      const present = names.filter((name) => row[name] !== undefined);
      return `{${present.map((name) => `${JSON.stringify(name)}:${row[name]}`).join(',')}}`;
    })
    .join('\n');
}

const widestCell = 40;

function cell(value: Value): string {
  if (value === null) return '';
  const text = valueText(value).replace(/[\r\n\t\p{Cc}]/gu, ' ');
  return text.length > widestCell ? `${text.slice(0, widestCell - 1)}…` : text;
}

function table(rows: readonly Record<string, string>[], names: readonly string[]): string {
  if (rows.length === 0) return 'no rows';
  const widths = names.map((name) => Math.max(name.length, ...rows.map((row) => row[name]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    cells
      .map((text, at) => text.padEnd(widths[at]!))
      .join('  ')
      .trimEnd();
  const rule = line(widths.map((width) => '─'.repeat(width)));
  return [line(names), rule, ...rows.map((row) => line(names.map((name) => row[name] ?? '')))].join('\n');
}
