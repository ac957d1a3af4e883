// `pipe connectors check`: the mistakes of a manifest, and whether a saved connection of it works.
import { basename, dirname, resolve } from 'node:path';
import { Command, Option } from 'commander';
import { statusLine } from '../../connection-text.ts';
import { withEngine } from '../../engine.ts';
import { parse } from '../../parse.ts';
import { colours, painter } from '../../print.ts';

export async function command(argv: string[]): Promise<number> {
  const program = new Command('pipe connectors check')
    .description('Finds the mistakes in the manifest of a service. Exits with 2 when there are any.')
    .argument('<file>', 'a manifest, as a project has in its folder connectors')
    .option('--connection <name>', 'try this saved connection as well; exits with 3 when it does not work')
    .addOption(new Option('--format <format>', 'how to print them').choices(['text', 'json']).default('text'))
    .addHelpText('after', '\nExample: pipe connectors check connectors/our-crm.yaml --connection crm');
  const parsed = parse<{ connection?: string; format: 'text' | 'json' }>(program, argv);
  if (parsed.code !== undefined) return parsed.code;
  const [file] = parsed.args as [string];
  const { connection, format } = parsed.options;
  const work = async (...[engine, signal]: Parameters<Parameters<typeof withEngine>[0]>) => {
    const result = await engine.checkConnector(file);
    if (format === 'json') process.stdout.write(`${JSON.stringify(result.diagnostics, undefined, 2)}\n`);
    else process.stdout.write(result.text({ colour: colours(process.stdout) }));
    if (result.diagnostics.some(({ severity }) => severity === 'error')) return 2;
    if (format === 'text' && result.diagnostics.length === 0) process.stderr.write(`${file}: no mistakes\n`);
    if (connection === undefined) return 0;
    const { connector } = await engine.connections.get(connection, { signal });
    const name = basename(file, '.yaml');
    if (connector !== name) {
      process.stderr.write(`The connection ${connection} is one of ${connector}, not of ${name}.\n`);
      return 2;
    }
    const tried = await engine.connections.verify(connection, { signal });
    process.stderr.write(`${statusLine(tried, painter(process.stderr))}\n`);
    return tried.status === 'failing' ? 3 : 0;
  };
  // The project that the manifest belongs to, wherever the command is given.
  return withEngine(work, { folder: dirname(resolve(file)) });
}
