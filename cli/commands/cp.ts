// `pipe cp`: copies files between connections, or rows between tables and files.
import { Command } from 'commander';
import { withEngine } from '../engine.ts';
import { parse } from '../parse.ts';

export async function command(argv: string[]): Promise<number> {
  const program = new Command('pipe cp')
    .description('Copies files as they are, or the rows of a table into a file and of a file into a table.')
    .argument('<from>', 'a file, a folder, a pattern or a table')
    .argument('<to>', 'a file, a folder (with / at the end) or a table')
    .addHelpText('after', "\nExample: pipe cp '/my-s3/reports/*.csv' /my-dropbox/reports/");
  const parsed = parse(program, argv);
  if (parsed.code !== undefined) return parsed.code;
  const [from, to] = parsed.args as [string, string];
  return withEngine(async (engine, signal) => {
    await engine.connections.cp(from, to, { signal });
    process.stderr.write(`copied ${from} to ${to}\n`);
    return 0;
  });
}
