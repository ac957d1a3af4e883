// `pipe connections rename`: another alias for a connection; says which pipes still use the old one.
import { Command } from 'commander';
import { withEngine } from '../../engine.ts';
import { parse } from '../../parse.ts';
import { painter } from '../../print.ts';

export async function command(argv: string[]): Promise<number> {
  const program = new Command('pipe connections rename')
    .description('Gives a saved connection another alias. Its EID, its credential and its status stay.')
    .argument('<name>', 'alias or EID')
    .argument('<alias>', 'the new alias')
    .addHelpText('after', '\nExample: pipe connections rename shop shop-replica');
  const parsed = parse(program, argv);
  if (parsed.code !== undefined) return parsed.code;
  const [name, alias] = parsed.args as [string, string];
  return withEngine(async (engine, signal) => {
    const uses = await engine.connections.uses(name);
    const renamed = await engine.connections.rename(name, alias, { signal });
    const paint = painter(process.stderr);
    process.stderr.write(`${name} is ${paint('bold', renamed.name)} now (${renamed.eid})\n`);
    if (uses.length > 0 && name !== renamed.eid)
      process.stderr.write(`${paint('yellow', 'warning')} these pipes name the old one: ${uses.join(', ')}\n`);
    return 0;
  });
}
