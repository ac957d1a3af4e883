// `pipe connections list`: a table of the saved connections with their status.
import { Command, InvalidArgumentError, Option } from 'commander';
import { sortable } from '../../../engine/connection-info.ts';
import { ago, statusMark } from '../../connection-text.ts';
import { withEngine } from '../../engine.ts';
import { parse } from '../../parse.ts';
import { painter } from '../../print.ts';
import { alignedTable, jsonText } from '../../tables.ts';

interface Options {
  search?: string;
  sort: (typeof sortable)[number];
  descending?: boolean;
  limit: number;
  offset: number;
  format: 'text' | 'json';
}

export async function command(argv: string[]): Promise<number> {
  const program = new Command('pipe connections list')
    .description(
      "Lists the saved connections, the project's first where two have one alias. ✓ works, ✗ does not, · was not tried, – is disabled.",
    )
    .option('--search <text>', 'only those with this in alias, title, EID or connector')
    .addOption(new Option('--sort <field>', 'what to sort by').choices(sortable).default('name'))
    .option('--descending', 'the last first')
    .option('--limit <count>', 'at most so many, up to 100', wholeNumber, 50)
    .option('--offset <count>', 'leave out so many', wholeNumber, 0)
    .addOption(new Option('--format <format>', 'how to print them').choices(['text', 'json']).default('text'))
    .addHelpText('after', '\nExample: pipe connections list --search shop --sort verified --descending');
  const parsed = parse<Options>(program, argv);
  if (parsed.code !== undefined) return parsed.code;
  const { format, ...options } = parsed.options;
  return withEngine(async (engine) => {
    const list = await engine.connections.list(options);
    if (format === 'json') {
      process.stdout.write(
        `${jsonText({ ...list, hasMore: options.offset + list.connections.length < list.total }, 2)}\n`,
      );
      return 0;
    }
    if (list.total === 0) {
      process.stderr.write(
        options.search === undefined
          ? 'There are no saved connections yet; `pipe connections add` saves one.\n'
          : `There is none with "${options.search}".\n`,
      );
      return 0;
    }
    const paint = painter(process.stdout);
    const head = ['', 'name', 'connector', 'status', 'verified', 'used', 'from', 'title'].map((text) =>
      paint('dim', text),
    );
    const rows = list.connections.map((each) => [
      statusMark(each.status, paint),
      each.name,
      each.connector + (each.default ? ' *' : ''),
      each.status === 'failing' ? `${each.status}: ${each.code}` : each.status,
      ago(each.verified),
      ago(each.used),
      each.home,
      each.title ?? '',
    ]);
    process.stdout.write(`${alignedTable([head, ...rows]).join('\n')}\n`);
    const last = options.offset + list.connections.length;
    if (last < list.total) process.stderr.write(`${last} of ${list.total}; --offset ${last} shows more\n`);
    return 0;
  });
}

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}
