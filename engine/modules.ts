// Functions of a project's own modules: which ones a definition may call, and their code.
import { realpath, stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { failure } from './errors.ts';

/** Where the modules are that a definition may call, or why it may call none. */
export type ModuleHome = { root: string } | { refused: string };

/** A function of a project, as a task calls it. */
export type ModuleFunction = (...given: unknown[]) => unknown;

/** A pipe file's home: the project around it, else its own folder; not where the file itself is somewhere else. */
export async function moduleHomeOf(file: string, project: string | undefined): Promise<ModuleHome> {
  const root = project ?? dirname(resolve(file));
  const [real, realRoot] = await Promise.all([realpath(file).catch(() => resolve(file)), realpath(root)]);
  if (isInside(realRoot, real)) return { root };
  return { refused: `the pipe file is a link that leads out of ${root}` };
}

export interface ModuleProblem {
  code: 'MODULE_INVALID' | 'MODULE_REFUSED';
  reason: string;
  /** The path of a file that is not there. */
  missing?: string;
}

/** The file and the name in `./clean.js#tidy`. */
export function splitModule(reference: string): { path: string; name: string } {
  const at = reference.lastIndexOf('#');
  return { path: reference.slice(0, at), name: reference.slice(at + 1) };
}

/** The file of a module, or why it cannot be called. Looks at the file and its links, and runs nothing. */
export async function findModule(
  path: string,
  folder: string,
  home: ModuleHome,
): Promise<{ file: string } | ModuleProblem> {
  if ('refused' in home) return { code: 'MODULE_REFUSED', reason: home.refused };
  const file = resolve(folder, path);
  const root = await realpath(home.root);
  let real: string;
  try {
    real = await realpath(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR')
      return { code: 'MODULE_INVALID', reason: 'does not exist', missing: file };
    return { code: 'MODULE_INVALID', reason: `cannot be read (${code})` };
  }
  if (!isInside(root, real)) {
    const way = isInside(resolve(home.root), file) ? 'it is a link that leads out of' : 'it is outside of';
    return { code: 'MODULE_REFUSED', reason: `${way} ${home.root}, the folder of the project` };
  }
  if (!(await stat(real)).isFile()) return { code: 'MODULE_INVALID', reason: 'is no file' };
  if (!/\.[cm]?[jt]s$/.test(real))
    return { code: 'MODULE_INVALID', reason: 'is neither JavaScript nor TypeScript, going by its name' };
  return { file: real };
}

/** Whether Node reads TypeScript by itself, or something (tsx) does it for it, is only known once it has tried. */
const noTypeScript =
  'is TypeScript, which this Node cannot load; use Node 22.18 or newer, start it with `--import tsx`, or write it in JavaScript';

/** Loads the function. MODULE_REFUSED, MODULE_INVALID; what the module's own code throws is the reason. */
export async function loadFunction(
  reference: string,
  { folder, home, where }: { folder: string; home: ModuleHome; where: string },
): Promise<ModuleFunction> {
  const { path, name } = splitModule(reference);
  const found = await findModule(path, folder, home);
  if ('code' in found) throw failure(found.code, { where, module: path, reason: found.reason });
  const invalid = (reason: string, cause?: unknown) =>
    failure('MODULE_INVALID', { where, module: path, reason }, cause === undefined ? {} : { cause });
  const url = pathToFileURL(found.file);
  // A service that runs for weeks calls what the file holds now.
  url.searchParams.set('changed', String((await stat(found.file)).mtimeMs));
  let exports: Record<string, unknown>;
  try {
    exports = (await import(url.href)) as Record<string, unknown>;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const isTypeScript = /\.[cm]?ts$/.test(found.file);
    if (isTypeScript && (code === 'ERR_UNKNOWN_FILE_EXTENSION' || error instanceof SyntaxError))
      throw invalid(code === 'ERR_UNKNOWN_FILE_EXTENSION' ? noTypeScript : `cannot be loaded: ${message}`, error);
    throw invalid(`cannot be loaded: ${message ?? String(error)}`, error);
  }
  const value = exports[name] ?? (exports.default as Record<string, unknown> | undefined)?.[name];
  if (typeof value === 'function') return value as ModuleFunction;
  if (value !== undefined) throw invalid(`exports "${name}", which is no function`);
  const functions = Object.keys(exports).filter((key) => typeof exports[key] === 'function' && key !== 'default');
  const known = functions.length === 0 ? 'exports no function' : `exports the functions ${functions.join(', ')}`;
  throw invalid(`has no function "${name}"; ${basename(path)} ${known}`);
}

function isInside(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== '' && !way.startsWith('..') && !isAbsolute(way);
}
