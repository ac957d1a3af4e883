// Where the user's own files are: the registry of connections, the credentials file, locks.
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

/** `$XDG_CONFIG_HOME/pipewright`, `~/.config/pipewright` without it, `%APPDATA%\pipewright` on Windows. */
export function userFolder(environment: Environment = process.env): string {
  const { XDG_CONFIG_HOME: config, APPDATA: roaming } = environment;
  if (process.platform === 'win32' && roaming) return join(roaming, 'pipewright');
  // The XDG specification has relative paths ignored.
  return join(config && isAbsolute(config) ? config : join(environment.HOME || homedir(), '.config'), 'pipewright');
}

/** A path of a configuration file: `~/` is the user's home, a relative one is below `base`. */
export function configuredPath(path: string, base: string, environment: Environment = process.env): string {
  return /^~(?=$|[\\/])/.test(path) ? join(environment.HOME || homedir(), path.slice(1)) : resolve(base, path);
}
