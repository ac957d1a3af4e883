// `pipe ls`: what is in a connection: files, folders, tables, resources.
import { Command, InvalidArgumentError, Option } from 'commander';
import { withEngine } from '../engine.ts';
import { parse } from '../parse.ts';
import { formatBytes, painter } from '../print.ts';
import { alignedTable, jsonText } from '../tables.ts';

interface Options {
  recursive?: boolean;
  limit: number;
  offset: number;
  format: 'text' | 'json';
}

export async function command(argv: string[]): Promise<number> {
  const program = new Command('pipe ls')
    .description('Lists what is in a connection or a folder; without a path, the connections.')
    .argument('[path]', 'such as /my-s3/reports/, /shop/public, a pattern, or a folder of this machine', '/')
    .option('-r, --recursive', 'whatever lies below as well')
    .option('--limit <count>', 'at most so many', wholeNumber, 1000)
    .option('--offset <count>', 'leave out so many', wholeNumber, 0)
    .addOption(new Option('--format <format>', 'how to print them').choices(['text', 'json']).default('text'))
    .addHelpText('after', '\nExample: pipe ls /my-dropbox/reports --limit 20');
  const parsed = parse<Options>(program, argv);
  if (parsed.code !== undefined) return parsed.code;
  const { format, ...options } = parsed.options;
  return withEngine(async (engine, signal) => {
    const { entries, hasMore } = await engine.connections.ls(parsed.args[0] ?? '/', { ...options, signal });
    if (format === 'json') {
      process.stdout.write(`${jsonText({ entries, hasMore }, 2)}\n`);
      return 0;
    }
    const paint = painter(process.stdout);
    const rows = entries.map(({ kind, path, size, modified }) => [
      paint('dim', kind),
      size === undefined ? '' : formatBytes(size),
      modified === undefined ? '' : modified.slice(0, 16).replace('T', ' '),
      kind === 'folder' ? paint('bold', `${path.replace(/\/$/, '')}/`) : path,
    ]);
    if (rows.length > 0) process.stdout.write(`${alignedTable(rows, new Set([1])).join('\n')}\n`);
    if (hasMore) process.stderr.write(`there are more; --offset ${options.offset + entries.length} shows them\n`);
    return 0;
  });
}

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}
