// The keychain store: against gnome-keyring on a private D-Bus, and against an object with keytar's functions.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createKeytarStore, type Keychain } from '../../engine/credentials/keytar.ts';
import { createStores } from '../../engine/credentials/stores.ts';
import { credentialOf, revealed } from '../../engine/secret.ts';
import { testCredentialStore } from '../conformance/credential-store.ts';
import { keychainMissing, startKeychain, type TestKeychain } from '../servers/keychain.ts';

const o = { signal: new AbortController().signal };
const missing = keychainMissing();
const root = fileURLToPath(new URL('../..', import.meta.url));

/** An object with keytar's functions, as a program might give one. */
function ownKeychain(): Keychain & { items: Map<string, string> } {
  const items = new Map<string, string>();
  return {
    items,
    getPassword: async (service, account) => items.get(`${service}/${account}`) ?? null,
    setPassword: async (service, account, password) => void items.set(`${service}/${account}`, password),
    deletePassword: async (service, account) => items.delete(`${service}/${account}`),
    findCredentials: async (service) =>
      [...items].flatMap(([key, password]) =>
        key.startsWith(`${service}/`) ? [{ account: key.slice(service.length + 1), password }] : [],
      ),
  };
}

testCredentialStore('an object with keytar’s functions', {
  create: async (credentials) => {
    const keychain = ownKeychain();
    const store = createKeytarStore({ keychain });
    for (const [name, fields] of Object.entries(credentials)) await store.put(name, credentialOf(fields), o);
    return { open: () => store };
  },
});

describe('an object with keytar’s functions', () => {
  it('may hold what other tools put there', async () => {
    const keychain = ownKeychain();
    keychain.items.set('pipewright/my-db', '{"password":"by hand"}');
    keychain.items.set('pipewright/plain', 'hunter2hunter2');
    keychain.items.set('pipewright/nested', '{"password":{"a":1}}');
    const store = createKeytarStore({ keychain });
    const found = await store.get('my-db', o);
    expect(revealed(found!.fields)).toEqual({ password: 'by hand' });
    await store.put('my-db', credentialOf({ password: 'new' }), { ...o, ifVersion: found!.version! });
    expect(revealed((await store.get('my-db', o))!.fields)).toEqual({ password: 'new' });
    for (const name of ['plain', 'nested']) {
      const error = await store.get(name, o).catch((reason: Error) => reason);
      expect(error).toMatchObject({ code: 'STORE_CORRUPT', data: { path: `the keychain's item "${name}"` } });
      expect(JSON.stringify(error) + String((error as Error).cause)).not.toContain('hunter2');
    }
  });

  it('keeps services apart, and passes its own errors on', async () => {
    const keychain = ownKeychain();
    await createKeytarStore({ keychain, service: 'one' }).put('my-db', credentialOf({ password: '1' }), o);
    expect(await createKeytarStore({ keychain, service: 'two' }).get('my-db', o)).toBeUndefined();
    keychain.getPassword = () => Promise.reject(new Error('no keychain today'));
    await expect(createKeytarStore({ keychain }).get('my-db', o)).rejects.toThrow('no keychain today');
  });
});

if (missing !== undefined) {
  const skipped = `SKIPPED: the tests of the OS keychain. ${missing}`;
  process.stderr.write(`\n${skipped}\n\n`);
  it('the OS keychain is tested', ({ skip }) => {
    if (process.env.CI) throw new Error(skipped);
    skip(skipped);
  });
} else {
  let keychain: TestKeychain;
  let folder: string;
  beforeAll(async () => {
    keychain = await startKeychain();
    folder = await mkdtemp(join(tmpdir(), 'pipe-keytar-'));
    // keytar connects to the bus once in a process, with its first call.
    Object.assign(process.env, keychain.environment);
  });
  afterAll(async () => {
    await keychain.close();
    await rm(folder, { recursive: true });
  });

  testCredentialStore('the keychain of the operating system', {
    create: async (credentials) => {
      const service = `pipewright-${randomUUID()}`;
      const open = () => createKeytarStore({ service, folder });
      const store = open();
      for (const [name, fields] of Object.entries(credentials)) await store.put(name, credentialOf(fields), o);
      return { open };
    },
  });

  describe('the keychain of the operating system', () => {
    it('can be probed, and nothing is left of it', async () => {
      const service = `pipewright-${randomUUID()}`;
      const store = createKeytarStore({ service });
      await store.probe(o);
      expect(await (await import('keytar')).findCredentials(service)).toEqual([]);
    });

    it('is where credentials are by default, and no file is made', async () => {
      const notices: string[] = [];
      const stores = createStores(undefined, { folder, environment: {}, notice: (text) => notices.push(text) });
      expect(await stores.get('my-db', o)).toBeUndefined();
      await stores.put('my-db', credentialOf({ password: 'x' }), o);
      expect(revealed((await stores.get('my-db', o))!.fields)).toEqual({ password: 'x' });
      expect(revealed((await createKeytarStore().get('my-db', o))!.fields)).toEqual({ password: 'x' });
      await stores.remove('my-db', o);
      expect(await createKeytarStore().get('my-db', o)).toBeUndefined();
      expect(await readdir(folder)).not.toContain('credentials');
      expect(notices).toEqual([]);
    });

    it('is locked: said so, whatever is done, instead of "not there"', async () => {
      const own = await startKeychain();
      try {
        await inProcess(own.environment, `await store.put('my-db', credentialOf({ password: 'x' }), o)`);
        await own.lock();
        for (const use of [
          `await store.get('my-db', o)`,
          `await store.get('other', o)`,
          `await store.put('my-db', {}, o)`,
          `await store.remove('my-db', o)`,
          `for await (const name of store.names(o)) {}`,
          'await store.probe(o)',
          `const { createStores } = await import('./engine/credentials/stores.ts'); await createStores().get('other', o)`,
        ]) {
          const error = await inProcess(own.environment, use);
          expect(error, use).toMatchObject({ code: 'STORE_LOCKED', fault: 'connection' });
          expect(error.message).toContain('credentials: file');
        }
      } finally {
        await own.close();
      }
    }, 120_000);

    it('has no secret service, or no bus: says what to do', async () => {
      const own = await startKeychain({ service: false });
      try {
        for (const use of [
          `await store.get('my-db', o)`,
          `await store.put('my-db', {}, o)`,
          `for await (const name of store.names(o)) {}`,
        ]) {
          const error = await inProcess(own.environment, use);
          expect(error, use).toMatchObject({ code: 'STORE_UNAVAILABLE', fault: 'connection' });
          expect(error.message).toContain('gnome-keyring');
        }
      } finally {
        await own.close();
      }
      for (const address of [undefined, '', 'unix:path=/nowhere/bus']) {
        const nowhere = { DBUS_SESSION_BUS_ADDRESS: address, XDG_RUNTIME_DIR: '/nowhere', DISPLAY: undefined };
        const gone = await inProcess(nowhere, `await store.get('my-db', o)`);
        expect(gone, address).toMatchObject({ code: 'STORE_UNAVAILABLE' });
        expect(gone.message).toContain('no D-Bus session');
      }
    }, 120_000);
  });

  /** Runs it with a store in a process of its own, since keytar keeps to one bus; gives the failure, or `{}`. */
  async function inProcess(
    environment: Record<string, string | undefined>,
    statement: string,
  ): Promise<{ code?: string; message?: string }> {
    const program = `
      const { createKeytarStore } = await import('./engine/credentials/keytar.ts');
      const { credentialOf } = await import('./engine/secret.ts');
      const store = createKeytarStore();
      const o = { signal: AbortSignal.timeout(15_000) };
      let error = {};
      try { ${statement} } catch (reason) { error = reason; }
      process.stdout.write(JSON.stringify(error.toJSON?.() ?? { message: String(error.stack ?? '') }), () => process.kill(process.pid, 'SIGKILL'));`;
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
      cwd: root,
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    for await (const chunk of child.stdout) output += chunk;
    return JSON.parse(output) as { code?: string; message?: string };
  }
}
