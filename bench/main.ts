// `npm run bench -- [name] [rounds]`: side-by-side measurements. Build first; compare ratios, not seconds.
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const benches: Record<string, (rounds: number) => Promise<void>> = {
  csv: async (rounds) => (await import('./csv.ts')).benchCsv(rounds),
  connections: async (rounds) => (await import('./connections.ts')).benchConnections(rounds),
  startup: async (rounds) => (await import('./startup.ts')).benchStartup(rounds * 5),
};

const [name, rounds = '3'] = process.argv.slice(2);
if (name !== undefined && benches[name] === undefined) {
  console.error(`There is no bench "${name}"; there are ${Object.keys(benches).join(', ')}.`);
  process.exit(2);
}
if (!existsSync(join(import.meta.dirname, '..', 'dist/cli/main.js'))) {
  console.error('Build first: npm run build');
  process.exit(2);
}
for (const [each, bench] of Object.entries(benches))
  if (name === undefined || name === each) await bench(Number(rounds));
