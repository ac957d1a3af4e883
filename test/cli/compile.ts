// Compiles the sources once for a test run, so that each start of the command takes a third of the time.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle } from '../../scripts/bundle.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const oldMs = 3_600_000;

/** The folder with the compiled sources; `remove` takes it away. Below node_modules, where packages are found from. */
export async function compileSources(): Promise<{ folder: string; remove(): void }> {
  const cache = join(root, 'node_modules/.cache');
  mkdirSync(cache, { recursive: true });
  removeOld(cache);
  const folder = mkdtempSync(join(cache, 'pipewright-test-'));
  await bundle(folder);
  cpSync(join(root, 'package.json'), join(folder, 'package.json'));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** For vitest: before all test files, and after them. A source that does not compile is for the tests that load it. */
export async function setup(): Promise<() => void> {
  try {
    const { folder, remove } = await compileSources();
    process.env.PIPE_TEST_COMPILED = folder;
    return remove;
  } catch (error) {
    process.stderr.write(`The command runs from its sources, which takes longer: ${error}\n`);
    return () => {};
  }
}

/** What a killed run left. */
function removeOld(cache: string): void {
  for (const name of readdirSync(cache)) {
    if (!name.startsWith('pipewright-test-')) continue;
    const path = join(cache, name);
    if (Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()) > oldMs)
      rmSync(path, { recursive: true, force: true });
  }
}
