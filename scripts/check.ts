// `npm run check`: everything that can be known without running the tests. Runs all of it, then says what failed.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const steps: [name: string, command: string, args: string[]][] = [
  ['types', 'tsc', ['--noEmit', '-p', '.']],
  ['lint and format', 'biome', ['check', '--error-on-warnings']],
  ['unused code', 'knip', []],
  ['generated files', 'tsx', ['scripts/generate.ts', '--check']],
  ['import rule', 'tsx', ['scripts/imports.ts']],
  ['package', 'publint', ['--strict']],
];

const failed: string[] = [];
if (!existsSync('dist')) spawnSync('npm', ['run', 'build'], { stdio: 'inherit' });
for (const [name, command, args] of steps) {
  const started = Date.now();
  const { status } = spawnSync('npx', ['--no-install', command, ...args], { stdio: 'inherit' });
  if (status !== 0) failed.push(name);
  console.log(`${status === 0 ? 'ok    ' : 'FAILED'} ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
}
if (failed.length > 0) {
  console.error(`\n${failed.length} of ${steps.length} checks failed: ${failed.join(', ')}`);
  process.exit(1);
}
