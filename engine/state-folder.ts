// Where the tool remembers things for the user: when a connection was verified and used.
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

/** `$XDG_STATE_HOME/pipewright`, `~/.local/state/pipewright` without it, `%LOCALAPPDATA%\pipewright` on Windows. */
export function stateFolder(environment: Environment = process.env): string {
  const { XDG_STATE_HOME: state, LOCALAPPDATA: local } = environment;
  if (process.platform === 'win32' && local) return join(local, 'pipewright');
  // The XDG specification has relative paths ignored.
  return join(state && isAbsolute(state) ? state : join(environment.HOME || homedir(), '.local/state'), 'pipewright');
}
