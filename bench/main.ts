// `npm run bench -- [name] [rounds] [rows] [word]`: side-by-side measurements. Build first; compare ratios, not seconds.
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const benches: Record<string, (rounds: number, rows: number | undefined, word: string | undefined) => Promise<void>> = {
  apis: async (rounds, rows) => (await import('./apis.ts')).benchApis(rounds, rows),
  csv: async (rounds) => (await import('./csv.ts')).benchCsv(rounds),
  connections: async (rounds) => (await import('./connections.ts')).benchConnections(rounds),
  db: async (rounds, rows, word) => (await import('./db.ts')).benchDatabase(rounds, rows, word),
  files: async (rounds) => (await import('./files/main.ts')).benchFiles(rounds, process.argv.slice(3)),
  state: async (rounds) => (await import('./state.ts')).benchState(rounds * 3),
  startup: async (rounds) => (await import('./startup.ts')).benchStartup(rounds * 5),
};

const [name, ...args] = process.argv.slice(2);
const [rounds = 3, rows] = args.filter((text) => /^\d+$/.test(text)).map(Number);
const word = args.find((text) => !/^\d+$/.test(text));
if (name !== undefined && benches[name] === undefined) {
  console.error(`There is no bench "${name}"; there are ${Object.keys(benches).join(', ')}.`);
  process.exit(2);
}
if (!existsSync(join(import.meta.dirname, '..', 'dist/cli/main.js'))) {
  console.error('Build first: npm run build');
  process.exit(2);
}
for (const [each, bench] of Object.entries(benches))
  if (name === undefined || name === each) await bench(rounds, rows, word);
