// `pipe connections secure`: moves secrets that stand in a file into the credential store.
import { Command } from 'commander';
import { tellingWhere, withEngine } from '../../engine.ts';
import { parse } from '../../parse.ts';

export async function command(argv: string[]): Promise<number> {
  const program = new Command('pipe connections secure')
    .description(
      'Moves the secrets that stand as text in the definition of a connection into the credential store, and takes them out of the file.',
    )
    .argument('<name>', 'alias or EID')
    .option('--in <file>', 'the pipe file that defines it, where it is no saved one')
    .addHelpText('after', '\nExample: pipe connections secure shop --in orders.yaml');
  const parsed = parse<{ in?: string }>(program, argv);
  if (parsed.code !== undefined) return parsed.code;
  const [name] = parsed.args as [string];
  return withEngine(async (engine, signal) => {
    const file = parsed.options.in;
    const { moved, keptIn } = await engine.connections.secure(name, {
      signal,
      ...(file === undefined ? {} : { file }),
    });
    process.stderr.write(
      moved.length === 0
        ? `${name} has no secret as text\n`
        : `${moved.join(' and ')} of ${name} moved to ${keptIn}; what was in the file may still be in its history: change it where that matters\n`,
    );
    return 0;
  }, tellingWhere);
}
