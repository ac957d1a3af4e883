// Compiles the sources once for a test run, so that each start of the command takes a third of the time.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transformWithEsbuild } from 'vite';

const root = fileURLToPath(new URL('../..', import.meta.url));
const sources = ['package.json', 'index.ts', 'cli', 'engine', 'connectors', 'pipes', 'schemas/generated'];
const tsconfigRaw = { compilerOptions: { verbatimModuleSyntax: true } };
const oldMs = 3_600_000;

/** The folder with the compiled sources; `remove` takes it away. Below node_modules, where packages are found from. */
export async function compileSources(): Promise<{ folder: string; remove(): void }> {
  const cache = join(root, 'node_modules/.cache');
  mkdirSync(cache, { recursive: true });
  removeOld(cache);
  const folder = mkdtempSync(join(cache, 'pipewright-test-'));
  await Promise.all(sources.flatMap(filesOf).map((file) => compile(file, folder)));
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

function filesOf(path: string): string[] {
  if (!statSync(join(root, path)).isDirectory()) return [path];
  return readdirSync(join(root, path), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.d.ts'))
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length));
}

async function compile(file: string, folder: string): Promise<void> {
  const to = join(folder, file).replace(/\.ts$/, '.js');
  mkdirSync(dirname(to), { recursive: true });
  if (!file.endsWith('.ts')) {
    cpSync(join(root, file), to);
    return;
  }
  const text = readFileSync(join(root, file), 'utf8');
  const { code } = await transformWithEsbuild(text, file, {
    loader: 'ts',
    target: 'node20',
    sourcemap: false,
    tsconfigRaw,
  });
  writeFileSync(to, code.replace(/(from\s*|import\(\s*|import\s+)(["'])(\.{1,2}\/[^"']+)\.ts\2/g, '$1$2$3.js$2'));
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
