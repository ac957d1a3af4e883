// `pipe check`: every mistake in the named definitions, with its place.
import { Command, Option } from 'commander';
import { formatSarif } from '../../engine/diagnostics.ts';
import { readDefinition } from '../definition.ts';
import { openEngine } from '../engine.ts';
import { parse } from '../parse.ts';
import { colours } from '../print.ts';
import { version } from '../version.ts';

export async function command(argv: string[]): Promise<number> {
  const program = new Command('pipe check')
    .description('Finds the mistakes in pipe files, without running or connecting. Exits with 2 when there are any.')
    .argument('<file...>', 'pipe files, or - for a definition on stdin')
    .addOption(new Option('--format <format>', 'how to print them').choices(['text', 'json', 'sarif']).default('text'))
    .addHelpText('after', '\nExample: pipe check pipes/*.yaml --format sarif > pipes.sarif');
  const parsed = parse<{ format: 'text' | 'json' | 'sarif' }>(program, argv);
  if (parsed.code !== undefined) return parsed.code;

  const engine = await openEngine();
  const results = [];
  for (const file of parsed.args) results.push(await engine.check(await readDefinition(file)));
  const diagnostics = results.flatMap((result) => result.diagnostics);
  const errors = diagnostics.filter(({ severity }) => severity === 'error').length;
  switch (parsed.options.format) {
    case 'json':
      process.stdout.write(`${JSON.stringify(diagnostics, undefined, 2)}\n`);
      break;
    case 'sarif':
      process.stdout.write(`${JSON.stringify(formatSarif(diagnostics, version()), undefined, 2)}\n`);
      break;
    case 'text':
      for (const result of results) process.stdout.write(result.text({ colour: colours(process.stdout) }));
      if (diagnostics.length === 0)
        process.stderr.write(
          `${parsed.args.length === 1 ? parsed.args[0] : `${parsed.args.length} files`}: no mistakes\n`,
        );
  }
  return errors > 0 ? 2 : 0;
}
