// Where the user's own files are: the folders of the XDG base directory specification, version 0.8.
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

export type Environment = Readonly<Record<string, string | undefined>>;

/** What the user chose and may keep in version control: connections, the credentials file. */
export function configFolder(environment: Environment = process.env): string {
  return folder(environment.XDG_CONFIG_HOME, '.config', environment);
}

/** What the tool remembers: when a connection was verified and used. */
export function stateFolder(environment: Environment = process.env): string {
  return folder(environment.XDG_STATE_HOME, '.local/state', environment);
}

// A relative path there is to be ignored, says the specification.
function folder(named: string | undefined, standard: string, { HOME }: Environment): string {
  const base = named !== undefined && isAbsolute(named) ? named : join(HOME || homedir(), standard);
  return join(base, 'pipewright');
}
