// `pipe cat`: the bytes of a file, or the rows of a table as a file, on stdout.
import { Command } from 'commander';
import { withEngine } from '../engine.ts';
import { writeData } from '../output.ts';
import { parse } from '../parse.ts';

export async function command(argv: string[]): Promise<number> {
  const program = new Command('pipe cat')
    .description('Writes files to stdout as they are; rows of a table or a resource as CSV, or in another format.')
    .argument('<path>', 'such as /my-s3/in/a.csv.gz or /shop/public/orders')
    .option('--format <format>', 'csv, ndjson, json, …')
    .addHelpText('after', '\nExample: pipe cat /shop/public/orders --format ndjson | head');
  const parsed = parse<{ format?: string }>(program, argv);
  if (parsed.code !== undefined) return parsed.code;
  const { format } = parsed.options;
  return withEngine(async (engine, signal) => {
    await engine.connections.cat(parsed.args[0]!, writeData, { signal, ...(format === undefined ? {} : { format }) });
    return 0;
  });
}
