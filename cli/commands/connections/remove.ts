// `pipe connections remove`: takes a saved connection and its credential away, after asking.
import { Command } from 'commander';
import { canAsk, withEngine } from '../../engine.ts';
import { parse } from '../../parse.ts';
import { painter } from '../../print.ts';

export async function command(argv: string[]): Promise<number> {
  const program = new Command('pipe connections remove')
    .description(
      'Removes a saved connection, its credential and its status. Says which pipes of the project use it, and asks.',
    )
    .argument('<name>', 'alias or EID')
    .option('-y, --yes', 'do not ask')
    .addHelpText('after', '\nExample: pipe connections remove shop --yes');
  const parsed = parse<{ yes?: boolean }>(program, argv);
  if (parsed.code !== undefined) return parsed.code;
  const [name] = parsed.args as [string];
  return withEngine(async (engine, signal) => {
    const uses = await engine.connections.uses(name);
    const paint = painter(process.stderr);
    if (uses.length > 0) process.stderr.write(`${paint('yellow', 'warning')} ${name} is used by ${uses.join(', ')}\n`);
    if (parsed.options.yes !== true) {
      if (!canAsk()) {
        process.stderr.write(`Say --yes to remove ${name}.\n`);
        return 2;
      }
      const { askYes } = await import('../../prompts.ts');
      if (!(await askYes(`Remove ${name} and its credential?`))) return 0;
    }
    const removed = await engine.connections.remove(name, { signal });
    process.stderr.write(`removed ${removed.name} (${removed.connector}) from ${removed.file}\n`);
    return 0;
  });
}
