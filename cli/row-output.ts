// Rows that a command was asked for: as a table, or for other programs.
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { SampledRows } from '../engine/connection-look.ts';
import { writeData } from './output.ts';
import { jsonText, rowTable } from './tables.ts';

export interface RowOptions {
  limit: number;
  format: 'table' | 'json' | 'ndjson';
}

export function rowOptions(program: Command, limit: number): Command {
  return program
    .option('--limit <rows>', 'at most so many rows', positive, limit)
    .addOption(
      new Option('--format <format>', 'how to print them').choices(['table', 'json', 'ndjson']).default('table'),
    );
}

/** Rows are data and go to stdout as they are; what is said about them goes to stderr. */
export async function printRows(
  { columns, rows, truncated }: SampledRows,
  format: RowOptions['format'],
): Promise<void> {
  if (format === 'json') await writeData(`${jsonText({ columns, rows, truncated }, 2)}\n`);
  else if (format === 'ndjson') await writeData(rows.map((row) => `${jsonText(row)}\n`).join(''));
  else await writeData(rowTable(columns, rows, process.stdout));
  const count = `${rows.length} ${rows.length === 1 ? 'row' : 'rows'}`;
  if (truncated) process.stderr.write(`the first ${count}; there are more, and --limit shows them\n`);
  else if (format === 'table') process.stderr.write(`${count}\n`);
}

function positive(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 1 on.');
  return Number(text);
}
