// Makes schemas/generated/ and docs/reference/ from schemas/ and the connectors' tables of types. With --check it writes nothing and names what is out of date.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { manifestSchema, pipeSchema, projectSchema } from './generate/bundle.ts';
import { columnTypes } from './generate/column-types.ts';
import { fieldsModule } from './generate/fields.ts';
import { languageModule, manifestModule } from './generate/language.ts';
import { loadManifests, manifestModules, manifestSchemas } from './generate/manifests.ts';
import { reference } from './generate/reference.ts';
import { loadLanguage } from './generate/schemas.ts';
import { types } from './generate/types.ts';
import { validators } from './generate/validators.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Folders that hold nothing but generated files. */
const folders = ['schemas/generated', 'docs/reference'];

/** Path from the root of the repository to content, for everything that is generated. */
export async function generate(): Promise<Map<string, string>> {
  const manifests = loadManifests(join(root, 'connectors/apis'));
  const language = loadLanguage(join(root, 'schemas'), manifestSchemas(manifests));
  const out = new Map<string, string>();
  out.set('schemas/generated/types.ts', await types(language));
  out.set('schemas/generated/language.ts', languageModule(language));
  out.set('schemas/generated/manifest.ts', manifestModule(language));
  out.set('schemas/generated/manifest.schema.json', json(manifestSchema(language)));
  out.set('schemas/generated/fields.ts', fieldsModule(language));
  out.set('schemas/generated/pipe.schema.json', json(pipeSchema(language)));
  out.set('schemas/generated/project.schema.json', json(projectSchema(language)));
  for (const [path, content] of manifestModules(manifests)) out.set(`schemas/generated/${path}`, content);
  for (const [path, content] of validators(language)) out.set(`schemas/generated/${path}`, content);
  for (const [path, content] of reference(language, manifests)) out.set(`docs/reference/${path}`, content);
  out.set('docs/reference/types.md', columnTypes());
  return out;
}

/** The generated files that are missing, differ from what the schemas say, or have no schema any more. */
export async function outdated(): Promise<string[]> {
  const wanted = await generate();
  const differing = [...wanted].flatMap(([path, content]) => (read(path) === content ? [] : [path]));
  return [...differing, ...present().filter((path) => !wanted.has(path))].sort();
}

async function write(): Promise<void> {
  const wanted = await generate();
  for (const path of present()) if (!wanted.has(path)) rmSync(join(root, path));
  for (const [path, content] of wanted) {
    if (read(path) === content) continue;
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  process.stderr.write(`${wanted.size} generated files are up to date\n`);
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

function present(): string[] {
  return folders.flatMap((folder) =>
    existsSync(join(root, folder))
      ? readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map((entry) => relative(root, join(entry.parentPath, entry.name)))
      : [],
  );
}

function read(path: string): string | undefined {
  return existsSync(join(root, path)) ? readFileSync(join(root, path), 'utf8') : undefined;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv.includes('--check')) {
    const files = await outdated();
    if (files.length > 0) {
      process.stderr.write(`out of date, run \`npm run generate\`:\n${files.map((file) => `  ${file}`).join('\n')}\n`);
      process.exitCode = 1;
    }
  } else {
    await write();
  }
}
