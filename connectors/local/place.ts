// Where a path lies on the disk, how it is shown, and the border that `root` draws.
import { opendir, readlink, realpath } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { asFailure, type Failure, failure } from '../../engine/errors.ts';
import { didYouMean } from '../../engine/suggest.ts';

export interface Place {
  /** On the disk, links not followed. */
  absolute: string;
  /** As the user would write it. */
  shown: string;
}

export interface Places {
  /** The root, absolute. */
  readonly root: string | undefined;
  /** Throws PATH_INVALID for a path that leads out of the root by its text. */
  at(path: string): Place;
  /** The place with every link on the way followed, whether it exists or not. Throws PATH_INVALID where a link leads out of the root. */
  real(place: Place): Promise<string>;
}

/** Without a root and a connection's name, paths are those of the machine and may lead anywhere; with a name, the working folder is the root. */
export function createPlaces(name: string, root: string | undefined): Places {
  const base = name === '' && root === undefined ? undefined : resolve(root ?? '.');
  return {
    root: base,

    at(path) {
      if (path.includes('\0'))
        throw failure('PATH_INVALID', { path: path.replaceAll('\0', '␀'), reason: 'has a NUL in it' });
      if (base === undefined) return { absolute: resolve(path), shown: nearer(resolve(path)) };
      const inside = path.replace(/^\/+/, '');
      const place = { absolute: resolve(base, inside), shown: inside === '' ? `/${name}` : `/${name}/${inside}` };
      if (!isInside(base, place.absolute)) {
        throw failure('PATH_INVALID', { path: place.shown, reason: 'leads out of the root of its connection' });
      }
      return place;
    },
    async real({ absolute, shown }) {
      const real = await follow(absolute);
      if (base !== undefined && !isInside(await follow(base), real)) {
        throw failure('PATH_INVALID', {
          path: shown,
          reason: 'is a link that leads out of the root of its connection',
        });
      }
      return real;
    },
  };
}

function isInside(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}

/** Relative to the working folder where that is shorter. */
function nearer(absolute: string): string {
  const here = `${process.cwd()}${sep}`;
  if (absolute.startsWith(here)) return absolute.slice(here.length) || '.';
  const way = relative('.', absolute) || '.';
  return way.length < absolute.length && !way.startsWith('..') ? way : absolute;
}

/** As `realpath`, also for what does not exist yet and for links to it. */
async function follow(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if ((code !== 'ENOENT' && code !== 'ENOTDIR') || path === dirname(path)) throw error;
  }
  const folder = await follow(dirname(path));
  const target = await readlink(path).catch(() => undefined);
  return target === undefined ? join(folder, basename(path)) : follow(resolve(folder, target));
}

/** Enough for any folder that a person looks through by eye. */
const mostNames = 5_000;

/** Any error of a call on the place in the catalogue's words; NOT_FOUND with the near names of its folder. */
export async function failureAt({ absolute, shown }: Place, error: unknown): Promise<Failure> {
  const known = asFailure(error, shown);
  if (known.code !== 'NOT_FOUND' || known.data.hint !== undefined) return known;
  const names: string[] = [];
  try {
    for await (const { name } of await opendir(dirname(absolute))) if (names.push(name) >= mostNames) break;
  } catch {
    return failure(
      'NOT_FOUND',
      { path: shown, hint: `; neither is its folder ${nearer(dirname(absolute))}` },
      { cause: error },
    );
  }
  return failure('NOT_FOUND', { path: shown, hint: didYouMean(basename(absolute), names) }, { cause: error });
}
