// `pipe sample`: the first rows of a path, as a table.
import { Command } from 'commander';
import { withEngine } from '../engine.ts';
import { parse } from '../parse.ts';
import { printRows, type RowOptions, rowOptions } from '../row-output.ts';

export async function command(argv: string[]): Promise<number> {
  const program = rowOptions(
    new Command('pipe sample')
      .description('Shows the first rows of a table, a resource or a file.')
      .argument('<path>', 'such as /shop/public/orders, /my-s3/in/a.csv, or a file of this machine'),
    20,
  )
    .option('--read-as <format>', 'the format of the file, where it cannot be told')
    .addHelpText('after', '\nExample: pipe sample /shop/public/orders --limit 5');
  const parsed = parse<RowOptions & { readAs?: string }>(program, argv);
  if (parsed.code !== undefined) return parsed.code;
  const { limit, format, readAs } = parsed.options;
  return withEngine(async (engine, signal) => {
    await printRows(
      await engine.connections.sample(parsed.args[0]!, {
        limit,
        signal,
        ...(readAs === undefined ? {} : { format: readAs }),
      }),
      format,
    );
    return 0;
  });
}
