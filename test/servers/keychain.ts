// A keychain of its own for a test: gnome-keyring on a private D-Bus, with a fresh home.
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface TestKeychain {
  /** What a process needs in its environment to use it. */
  environment: Record<string, string>;
  /** The accounts of our service in it, asked by its own protocol. */
  accounts(): Promise<string[]>;
  lock(): Promise<void>;
  close(): Promise<void>;
}

/** Why no keychain can be started here, and what to install; undefined when one can. */
export function keychainMissing(): string | undefined {
  if (process.platform !== 'linux') return 'the keychain is tested on Linux only';
  const missing = ['dbus-daemon', 'dbus-send', 'gnome-keyring-daemon'].filter((command) => !installed(command));
  const advice = '`apt-get install dbus gnome-keyring libsecret-1-0`';
  if (missing.length > 0) return `${missing.join(', ')} not installed: ${advice}`;
  if (!/libsecret-1\.so\.0/.test(execFileSync('/sbin/ldconfig', ['-p'], { encoding: 'utf8' })))
    return `libsecret not installed: ${advice}`;
  return undefined;
}

function installed(command: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${command}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

// No folders of services: the bus starts nothing by itself, neither a second keyring nor a dialogue.
const busConfig = (socket: string) => `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=${socket}</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
`;

/** `service: false`: a bus with no keyring on it. */
export async function startKeychain({ service = true } = {}): Promise<TestKeychain> {
  const home = await mkdtemp(join(tmpdir(), 'pipe-keychain-'));
  const config = join(home, 'bus.conf');
  await writeFile(config, busConfig(join(home, 'bus')));
  const children: ChildProcess[] = [];
  const stop = () => {
    for (const child of children.reverse()) child.kill('SIGKILL');
  };
  process.once('exit', stop);

  const bus = spawn('dbus-daemon', [`--config-file=${config}`, '--nofork', '--print-address'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  children.push(bus);
  const address = await firstLine(bus);
  const environment = {
    DBUS_SESSION_BUS_ADDRESS: address,
    HOME: home,
    XDG_RUNTIME_DIR: home,
    XDG_DATA_HOME: join(home, 'data'),
    XDG_CACHE_HOME: join(home, 'cache'),
  };
  const env = { ...process.env, ...environment };
  const call = (destination: string, ...message: string[]) =>
    run('dbus-send', ['--session', '--print-reply', `--dest=${destination}`, ...message], { env });

  if (service) {
    const keyring = spawn('gnome-keyring-daemon', ['--foreground', '--unlock', '--components=secrets'], {
      env,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    children.push(keyring);
    keyring.stdin!.end('keyring password');
    const owned = async () =>
      (
        await call('org.freedesktop.DBus', '/', 'org.freedesktop.DBus.NameHasOwner', 'string:org.freedesktop.secrets')
      ).stdout.includes('true');
    const giveUp = Date.now() + 20_000;
    while (!(await owned())) {
      if (keyring.exitCode !== null || Date.now() > giveUp)
        throw new Error(`gnome-keyring-daemon does not start (exit code ${keyring.exitCode})`);
    }
  }
  return {
    environment,
    async accounts() {
      const attributes = 'dict:string:string:service,pipewright';
      const path = '/org/freedesktop/secrets';
      const found = await call(
        'org.freedesktop.secrets',
        path,
        'org.freedesktop.Secret.Service.SearchItems',
        attributes,
      );
      const items = [...found.stdout.matchAll(/object path "([^"]+)"/g)].map(([, item]) => item!);
      const accounts = items.map(async (item) => {
        const about = ['string:org.freedesktop.Secret.Item', 'string:Attributes'];
        const get = 'org.freedesktop.DBus.Properties.Get';
        const { stdout } = await call('org.freedesktop.secrets', item, get, ...about);
        return /string "account"\s+string "([^"]*)"/.exec(stdout)?.[1] ?? '';
      });
      return (await Promise.all(accounts)).sort();
    },
    async lock() {
      const collection = 'array:objpath:/org/freedesktop/secrets/collection/login';
      await call(
        'org.freedesktop.secrets',
        '/org/freedesktop/secrets',
        'org.freedesktop.Secret.Service.Lock',
        collection,
      );
    },
    async close() {
      stop();
      process.removeListener('exit', stop);
      await rm(home, { recursive: true, force: true });
    },
  };
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stdout! }).once('line', resolve);
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`${child.spawnfile} ended with ${code}`)));
  });
}
