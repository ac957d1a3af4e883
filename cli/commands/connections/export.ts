// `pipe connections export`: definitions for another machine, as pipewright.yaml has them.
import { Command, Option } from 'commander';
import { withEngine } from '../../engine.ts';
import { parse } from '../../parse.ts';
import { jsonText } from '../../tables.ts';

export async function command(argv: string[]): Promise<number> {
  const program = new Command('pipe connections export')
    .description(
      'Prints saved connections as a file that `import` reads and that can be part of a pipewright.yaml. Never with secrets.',
    )
    .argument('[names...]', 'aliases or EIDs; all, unless told')
    .addOption(new Option('--format <format>', 'how to print them').choices(['yaml', 'json']).default('yaml'))
    .addHelpText('after', '\nExample: pipe connections export shop lake > connections.yaml');
  const parsed = parse<{ format: 'yaml' | 'json' }>(program, argv);
  if (parsed.code !== undefined) return parsed.code;
  return withEngine(async (engine) => {
    const document = await engine.connections.export(parsed.args.length === 0 ? undefined : parsed.args);
    const yaml = async () => (await import('yaml')).stringify(document, { lineWidth: 0 });
    process.stdout.write(parsed.options.format === 'json' ? `${jsonText(document, 2)}\n` : await yaml());
    return 0;
  });
}
