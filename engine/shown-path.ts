// The path of a file as messages show it.
import { relative } from 'node:path';

/** From the current folder, where it is in it: short, as the user would name it. */
export function shownPath(file: string): string {
  const short = relative('.', file);
  return short.startsWith('..') ? file : short;
}
