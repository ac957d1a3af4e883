// `pipe describe`: the columns, types and keys of a table, a resource or a file.
import { Command, Option } from 'commander';
import type { PathDescription } from '../../engine/connection-look.ts';
import { withEngine } from '../engine.ts';
import { parse } from '../parse.ts';
import { formatBytes, formatCount, painter } from '../print.ts';
import { alignedTable, jsonText } from '../tables.ts';

interface Options {
  readAs?: string;
  format: 'text' | 'json';
}

export async function command(argv: string[]): Promise<number> {
  const program = new Command('pipe describe')
    .description('Shows the columns of a table, a resource or a file, with their types and keys.')
    .argument('<path>', 'such as /shop/public/orders')
    .option('--read-as <format>', 'the format of the file, where it cannot be told')
    .addOption(new Option('--format <format>', 'how to print it').choices(['text', 'json']).default('text'))
    .addHelpText('after', '\nExample: pipe describe /shop/public/orders');
  const parsed = parse<Options>(program, argv);
  if (parsed.code !== undefined) return parsed.code;
  const { format, readAs } = parsed.options;
  return withEngine(async (engine, signal) => {
    const described = await engine.connections.describe(parsed.args[0]!, {
      signal,
      ...(readAs === undefined ? {} : { format: readAs }),
    });
    process.stdout.write(format === 'json' ? `${jsonText(described, 2)}\n` : describedText(described));
    return 0;
  });
}

function describedText({ path, kind, columns, rowEstimate, size, modified, contentType }: PathDescription): string {
  const paint = painter(process.stdout);
  const facts = [
    kind,
    rowEstimate === undefined ? undefined : `about ${formatCount(rowEstimate)} rows`,
    size === undefined ? undefined : formatBytes(size),
    contentType,
    modified,
  ].filter((fact) => fact !== undefined);
  const lines = [`${paint('bold', path)}: ${facts.join(', ')}`];
  const rows = (columns ?? []).map(({ name, type, native, nullable, key, precision, scale, length }) => [
    `  ${name}`,
    `${type}${precision === undefined ? '' : `(${precision}${scale === undefined ? '' : `,${scale}`})`}${length === undefined || type === 'integer' ? '' : `(${length})`}`,
    native ?? '',
    nullable === false ? 'not null' : '',
    key ? paint('bold', 'key') : '',
  ]);
  return `${[...lines, ...alignedTable(rows)].join('\n')}\n`;
}
