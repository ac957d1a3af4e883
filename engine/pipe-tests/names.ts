// How a test names what it gives and expects: by the id of a task or by a path, however that is written.

import { showPath, splitPath } from '../paths.ts';
import type { PlannedTask } from '../plan.ts';

/** One spelling for `my-s3:/a.csv` and `/my-s3/a.csv`, for `./a.csv` and `a.csv`. */
export function spelled(name: string): string {
  try {
    const path = splitPath(name);
    if (path.kind === 'connection') return showPath(path);
    return path.kind === 'local' ? path.path.replace(/^(\.\/+)+/, '') : name;
  } catch {
    return name;
  }
}

/** What a place goes by: the task, the path as it is, and as the definition has it. */
export function namesOf({ id, definition }: Pick<PlannedTask, 'id' | 'definition'>, shown: string): string[] {
  const { path, url, connection } = definition as { path?: unknown; url?: unknown; connection?: unknown };
  const written = [path, url].filter((each): each is string => typeof each === 'string');
  const inside =
    typeof connection === 'string' ? written.map((each) => `/${connection}/${each.replace(/^\/+/, '')}`) : [];
  return [id, ...[shown, ...written, ...inside].map(spelled)];
}

/** The entry of a map by any of the names; with the key that it has there. */
export function entryFor<T>(map: Record<string, T>, names: readonly string[]): { key: string; data: T } | undefined {
  for (const [key, data] of Object.entries(map)) {
    if (names.includes(key) || names.includes(spelled(key))) return { key, data };
  }
  return undefined;
}
