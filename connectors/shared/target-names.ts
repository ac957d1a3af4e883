// Under which names the files of a stream are written, and which are refused.
import type { FileItem } from '../../engine/contracts/data.ts';
import { type Failure, failure } from '../../engine/errors.ts';

/** Where a file of a stream lands in a folder. Throws PATH_INVALID for a name that leads out of it. */
export function nameInFolder(item: FileItem, folder: string): string {
  const name = item.relativePath ?? item.name;
  if (name.split('/').some((part) => part === '..' || part === '.' || part === '')) {
    const reason = `has the name "${name}", which leads out of the folder ${folder}`;
    throw failure('PATH_INVALID', { path: item.path, reason });
  }
  return name;
}

export function severalFor(path: string): Failure {
  const reason = 'is one file and there are several to write; end it with / to make it a folder';
  return failure('PATH_INVALID', { path, reason });
}

export function sameName(path: string): Failure {
  return failure('PATH_INVALID', { path, reason: 'would be written twice: two of the files have this name' });
}
