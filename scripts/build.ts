// `npm run build`: puts the command and the library into dist/, with the types for programs and the schemas for editors.
// With --if-needed (for `prepare`, which npm also runs for `npx pipe`), only when a source is newer than the last build.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { bundle } from './bundle.ts';

const sources = [
  'package.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'index.ts',
  'engine',
  'schemas/generated',
  'connectors',
  'pipes',
  'cli',
  'scripts/bundle.ts',
];
const stamp = 'dist/.built';

function newest(path: string): number {
  const stats = statSync(path);
  if (!stats.isDirectory()) return stats.mtimeMs;
  return Math.max(stats.mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))));
}

if (
  process.argv.includes('--if-needed') &&
  existsSync(stamp) &&
  statSync(stamp).mtimeMs >= Math.max(...sources.map(newest))
) {
  process.exit(0);
}
rmSync('dist', { recursive: true, force: true });
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { stdio: 'inherit' });
if (status !== 0) process.exit(status ?? 1);
await bundle('dist');
chmodSync('dist/cli/main.js', 0o755);
writeFileSync(stamp, '');
