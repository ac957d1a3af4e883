// Where a path lies on the server, and how it is shown.
import { posix } from 'node:path';
import { failure } from '../../engine/errors.ts';

export interface Place {
  /** On the server: absolute, or relative to the home folder of the user, where sessions begin. */
  remote: string;
  /** As the user would write it. */
  shown: string;
}

export interface Places {
  readonly root: Place;
  /** Throws PATH_INVALID for a path that leads out of the root by its text. Where links on the server lead is the server's affair. */
  at(path: string): Place;
}

export function createPlaces(name: string, root = '.'): Places {
  const base = posix.normalize(root.replace(/^~(?:\/|$)/, './')).replace(/(?<=.)\/+$/, '');
  return {
    root: { remote: base, shown: `/${name}` },
    at(path) {
      const inside = path.replace(/^\/+|\/+$/g, '');
      const shown = inside === '' ? `/${name}` : `/${name}/${inside}`;
      if (path.includes('\0'))
        throw failure('PATH_INVALID', { path: shown.replaceAll('\0', '␀'), reason: 'has a NUL in it' });
      const plain = posix.normalize(inside === '' ? '.' : inside);
      if (plain === '..' || plain.startsWith('../')) {
        throw failure('PATH_INVALID', { path: shown, reason: 'leads out of the root of its connection' });
      }
      return { remote: plain === '.' ? base : posix.join(base, plain), shown };
    },
  };
}

export function folderOf(remote: string): string {
  return posix.dirname(remote);
}

export function nameOf(remote: string): string {
  return posix.basename(remote);
}
