// The import rule: which folder may import from which, and no connector from another. Prints every import that breaks it.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const room = (path: string) => path.split('/')[0]!;

/** Who may import whom. What is not listed may import nothing of ours. */
const allowed: Record<string, (from: string, to: string) => boolean> = {
  schemas: (_, to) => room(to) === 'schemas',
  engine: (_, to) => room(to) === 'engine' || to.startsWith('schemas/generated/'),
  connectors: (from, to) => {
    if (to.startsWith('schemas/generated/') || room(to) === 'engine') return true;
    if (room(to) !== 'connectors') return false;
    const own = from.split('/')[1]!;
    const other = to.split('/')[1]!;
    return own === other || other === 'shared' || from === 'connectors/index.ts';
  },
  pipes: (_, to) => ['pipes', 'engine'].includes(room(to)) || to.startsWith('schemas/generated/'),
  'index.ts': () => true,
  cli: (_, to) => ['cli', 'engine', 'index.ts', 'schemas'].includes(room(to)),
  server: (_, to) => ['server', 'engine', 'index.ts', 'schemas'].includes(room(to)),
};

/** Every import of the shipped code that breaks the rule, as `file: import`. */
export function brokenImports(): string[] {
  const files = Object.keys(allowed).flatMap((name) => (name.endsWith('.ts') ? [name] : sources(name)));
  return files.flatMap((file) =>
    importsOf(file)
      .filter((target) => !allowed[room(file)]!(file, target))
      .map((target) => `${file}: ${target}`),
  );
}

function sources(folder: string): string[] {
  try {
    return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'))
      .map((path) => join(folder, path));
  } catch {
    return [];
  }
}

function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8');
  const found = text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g);
  return [...found].map(([, path]) => relative('.', normalize(join(dirname(file), path!))));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const broken = brokenImports();
  for (const line of broken) console.error(line);
  process.exit(broken.length === 0 ? 0 : 1);
}
