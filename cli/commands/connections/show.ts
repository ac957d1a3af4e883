// `pipe connections show`: one connection, its secrets as configured or not.
import { Command, Option } from 'commander';
import { detailsText } from '../../connection-text.ts';
import { withEngine } from '../../engine.ts';
import { parse } from '../../parse.ts';
import { painter } from '../../print.ts';
import { jsonText } from '../../tables.ts';

export async function command(argv: string[]): Promise<number> {
  const program = new Command('pipe connections show')
    .description(
      'Shows a saved connection: its fields, its status, and which secrets have a value and where. Never a secret.',
    )
    .argument('<name>', 'alias or EID')
    .addOption(new Option('--format <format>', 'how to print it').choices(['text', 'json']).default('text'))
    .addHelpText('after', '\nExample: pipe connections show shop');
  const parsed = parse<{ format: 'text' | 'json' }>(program, argv);
  if (parsed.code !== undefined) return parsed.code;
  return withEngine(async (engine, signal) => {
    const details = await engine.connections.get(parsed.args[0]!, { signal });
    process.stdout.write(
      parsed.options.format === 'json' ? `${jsonText(details, 2)}\n` : detailsText(details, painter(process.stdout)),
    );
    return 0;
  });
}
