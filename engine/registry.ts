// The user's own connections: `connections.yaml` in their configuration folder, shaped like a project's.
import { join } from 'node:path';
import { type ConnectionEditor, editConnections } from './connection-file.ts';

const registryFileName = 'connections.yaml';

const head = `# Your own connections, for any project. Secrets are not in here: they are in a credential store.
# \`pipe connections\` changes this file, and so may you.
`;

export function registryFile(folder: string): string {
  return join(folder, registryFileName);
}

/** Changes the user's connections. One change at a time across processes, each all or nothing. */
export function editRegistry<T>(
  folder: string,
  edit: (editor: ConnectionEditor) => T,
  o: { signal: AbortSignal },
): Promise<T> {
  return editConnections(registryFile(folder), edit, { signal: o.signal, head });
}
