// How long the command takes to start: `pipe --version` and `pipe check` against an empty Node.
import { join } from 'node:path';
import { alternate, measure, median, ratio } from './measure.ts';

const root = join(import.meta.dirname, '..');

export async function benchStartup(rounds: number): Promise<void> {
  const pipe =
    (...args: string[]) =>
    () =>
      measure(process.execPath, [join(root, 'dist/cli/main.js'), ...args]);
  const results = await alternate(
    {
      node: () => measure(process.execPath, ['-e', '0']),
      version: pipe('--version'),
      check: pipe('check', join(root, 'examples/quickstart/pipe.yaml')),
    },
    rounds,
  );
  console.log(`\nstart-up, median of ${rounds}`);
  for (const [name, runs] of Object.entries(results))
    console.log(`  ${name.padEnd(8)} ${(median(runs.map((run) => run.seconds)) * 1000).toFixed(0)} ms`);
  console.log(`  pipe --version / node -e 0 ${ratio(results, 'version', 'node').toFixed(2)} (under 2)`);
  console.log(`  pipe check / node -e 0 ${ratio(results, 'check', 'node').toFixed(2)} (under 5)`);
}
