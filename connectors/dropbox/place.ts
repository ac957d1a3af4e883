// Where a path lies in the Dropbox, and how it is shown.
import { posix } from 'node:path';
import type { files } from 'dropbox';
import { failure } from '../../engine/errors.ts';

export interface Place {
  /** As the API wants it: `/a/b.csv`, and nothing for the root. */
  remote: string;
  /** As the user would write it. */
  shown: string;
}

export interface Places {
  readonly root: Place;
  /** Throws PATH_INVALID for a path that leads out of the root. */
  at(path: string): Place;
  /** A path of the API inside the connection, from its root. */
  inside(remote: string): string;
}

export function createPlaces(name: string, root = ''): Places {
  const parts = root.split('/').filter((part) => part !== '' && part !== '.');
  const base = parts.map((part) => `/${part}`).join('');
  return {
    root: { remote: base, shown: `/${name}` },
    at(path) {
      const inside = path.replace(/^\/+|\/+$/g, '');
      const shown = inside === '' ? `/${name}` : `/${name}/${inside}`;
      if (path.includes('\0'))
        throw failure('PATH_INVALID', { path: shown.replaceAll('\0', '␀'), reason: 'has a NUL in it' });
      const plain = inside === '' ? '.' : posix.normalize(inside);
      if (plain === '..' || plain.startsWith('../')) {
        throw failure('PATH_INVALID', { path: shown, reason: 'leads out of the root of its connection' });
      }
      return { remote: plain === '.' ? base : `${base}/${plain}`, shown };
    },
    // By parts, as the API may give the root in another case than we do.
    inside: (remote) =>
      remote
        .split('/')
        .slice(1 + parts.length)
        .join('/'),
  };
}

/** What there is at a path. */
export type Metadata = files.FileMetadataReference | files.FolderMetadataReference;

export function lastOf(remote: string): string {
  return remote.slice(remote.lastIndexOf('/') + 1);
}

/** Times come as `2026-01-31T06:00:00Z`. */
export function modifiedOf({ server_modified: modified }: files.FileMetadata): { modified: string } {
  return { modified: new Date(modified).toISOString() };
}
