// Several credential stores as one, the default, their options, and references to secrets.
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CredentialStore } from '../../engine/contracts/credentials.ts';
import { createFileStore } from '../../engine/credentials/file.ts';
import { configuredPath, userFolder } from '../../engine/credentials/folder.ts';
import type { StoreChoice } from '../../engine/credentials/index.ts';
import { createMemoryStore } from '../../engine/credentials/memory.ts';
import { referencedSecret } from '../../engine/credentials/reference.ts';
import { createStores } from '../../engine/credentials/stores.ts';
import { exitCode, type Failure } from '../../engine/errors.ts';
import { createRedactor } from '../../engine/redact.ts';
import { credentialOf, revealed } from '../../engine/secret.ts';
import { testCredentialStore } from '../conformance/credential-store.ts';

const o = { signal: new AbortController().signal };
const value = (password: string) => credentialOf({ password });
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pipe-stores-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function get(store: CredentialStore, name: string) {
  const found = await store.get(name, o);
  return found && revealed(found.fields);
}

async function names(store: CredentialStore): Promise<string[]> {
  const found: string[] = [];
  for await (const name of store.names!(o)) found.push(name);
  return found;
}

async function failureOf(work: () => unknown): Promise<Failure> {
  return Promise.resolve()
    .then(work)
    .then(
      () => Promise.reject(new Error('it did not fail')),
      (error: Failure) => error,
    );
}

testCredentialStore('several stores in order', {
  create: async (credentials) => {
    const [first, second] = [createMemoryStore(), createMemoryStore()];
    const open = () => createStores(['env', first, second], { environment: {} });
    for (const [name, fields] of Object.entries(credentials)) await open().put(name, credentialOf(fields), o);
    return { open };
  },
});

describe('several stores in order', () => {
  const environment = { PIPE_IN_ENV_PASSWORD: 'from env' };

  it('read from the first that has it, and do not mix', async () => {
    const first = createMemoryStore({ both: { password: 'first' }, one: { user: 'u' } });
    const second = createMemoryStore({
      both: { password: 'second', token: 't' },
      two: { password: '2' },
      'in-env': { password: 'kept' },
    });
    const stores = createStores(['env', first, second], { environment });
    expect(await get(stores, 'both')).toEqual({ password: 'first' });
    expect(await get(stores, 'two')).toEqual({ password: '2' });
    expect(await get(stores, 'in-env')).toEqual({ password: 'from env' });
    expect(await get(stores, 'none')).toBeUndefined();
    expect(await names(stores)).toEqual(['both', 'one', 'in-env', 'two']);
    expect(stores.where()).toBe('the environment, memory or memory');
  });

  it('write to the first that can be written, and back to where a version is from', async () => {
    const first = createMemoryStore();
    const second = createMemoryStore({ token: { password: 'old' } });
    const stores = createStores(['env', first, second], { environment });
    await stores.put('new', value('1'), o);
    expect(await get(first, 'new')).toEqual({ password: '1' });
    const { version } = (await stores.get('token', o))!;
    await stores.put('token', value('rotated'), { ...o, ifVersion: version! });
    expect(await get(second, 'token')).toEqual({ password: 'rotated' });
    expect(await get(first, 'token')).toBeUndefined();
    expect(await failureOf(() => stores.put('token', value('late'), { ...o, ifVersion: version! }))).toMatchObject({
      code: 'CREDENTIAL_CHANGED',
    });
  });

  it('say so when another store hides what is written', async () => {
    const notices: string[] = [];
    const stores = createStores(['env', createMemoryStore()], { environment, notice: (text) => notices.push(text) });
    await stores.put('in-env', value('hidden'), o);
    expect(notices).toEqual([
      'the credential "in-env" is kept in memory, but the environment has one too, and that is the one used',
    ]);
    await stores.put('other', value('x'), o);
    expect(notices).toHaveLength(1);
  });

  it('remove from all', async () => {
    const [first, second] = [createMemoryStore({ a1: { p: 'x' } }), createMemoryStore({ a1: { p: 'y' } })];
    const stores = createStores([first, 'env', second], { environment });
    await stores.remove('a1', o);
    expect(await get(stores, 'a1')).toBeUndefined();
  });

  it('refuse a write when none can be written', async () => {
    const error = await failureOf(() => createStores('env', { environment }).put('a1', value('x'), o));
    expect(error).toMatchObject({ code: 'STORE_READ_ONLY', data: { stores: 'the environment' } });
    expect(exitCode(error)).toBe(3);
  });

  it('do not take one that fails for one that has nothing', async () => {
    const path = join(folder, 'damaged');
    await writeFile(path, 'not a credentials file', { mode: 0o600 });
    const stores = createStores([{ name: 'file', path }, createMemoryStore({ a1: { p: 'x' } })], {
      environment: { PIPE_PASSPHRASE: 'p' },
    });
    expect(await failureOf(() => stores.get('a1', o))).toMatchObject({ code: 'STORE_CORRUPT' });
  });

  it('tell the redactor of every secret before anyone has it', async () => {
    const redactor = createRedactor();
    const learn = (secret: string) => redactor.add(secret);
    const path = join(folder, 'learned');
    const stores = createStores(
      { name: 'file', path, cost: 10 },
      { environment: { PIPE_PASSPHRASE: 'pass phrase' }, learn },
    );
    await stores.put('a1', value('hunter2hunter2'), o);
    expect(redactor.redact('hunter2hunter2 pass+phrase')).toBe('[secret] [secret]');
    const other = createRedactor();
    await createStores([createMemoryStore({ a1: { p: 'from memory' } })], { learn: (secret) => other.add(secret) }).get(
      'a1',
      o,
    );
    expect(other.redact('from%20memory')).toBe('[secret]');
  });

  it('leave stores of others open', async () => {
    let closed = 0;
    const close = async () => {
      closed += 1;
    };
    const own = { ...createMemoryStore({ a1: { p: 'x' } }), close };
    const stores = createStores([own]);
    await stores.get('a1', o);
    await stores.close();
    expect(closed).toBe(0);
  });
});

describe('options', () => {
  it.each<[StoreChoice, string, string]>([
    ['keychain', 'STORE_UNKNOWN', 'keytar, file, env, vault, memory'],
    ['constructor', 'STORE_UNKNOWN', 'constructor'],
    [{ name: 'file', pth: 'x' }, 'STORE_OPTION_INVALID', 'it has path, passphrase_file, cost'],
    [{ name: 'file', path: { a: 1 } }, 'STORE_OPTION_INVALID', '`path` must be a text'],
    [{ name: 'env', prefix: 'x' }, 'STORE_OPTION_INVALID', 'it has none'],
  ])('%j is refused before anything is opened', async (choice, code, part) => {
    const error = await failureOf(() => createStores(choice));
    expect(error.code).toBe(code);
    expect(error.message).toContain(part);
  });

  it.each([9, 21, 12.5, 'high'])('a cost of %s is refused', async (cost) => {
    const stores = createStores({ name: 'file', path: join(folder, 'cost'), cost });
    expect(await failureOf(() => stores.get('a1', o))).toMatchObject({ code: 'STORE_OPTION_INVALID' });
  });

  it('take paths from the folder of the file they stand in, and from the home', () => {
    const environment = { HOME: '/home/me' };
    expect(configuredPath('keys/pass', '/project', environment)).toBe('/project/keys/pass');
    expect(configuredPath('~/pass', '/project', environment)).toBe('/home/me/pass');
    expect(configuredPath('~other/pass', '/project', environment)).toBe('/project/~other/pass');
    expect(configuredPath('/abs', '/project', environment)).toBe('/abs');
    const { where } = createStores({ name: 'file', path: 'secrets/credentials' }, { base: '/project' });
    expect(where()).toBe('/project/secrets/credentials');
  });

  it.skipIf(process.platform === 'win32')('put the user’s files where XDG says', () => {
    expect(userFolder({ HOME: '/home/me' })).toBe('/home/me/.config/pipewright');
    expect(userFolder({ HOME: '/home/me', XDG_CONFIG_HOME: '/cfg' })).toBe('/cfg/pipewright');
    expect(userFolder({ HOME: '/home/me', XDG_CONFIG_HOME: 'relative' })).toBe('/home/me/.config/pipewright');
  });

  it('take a store for the whole object, and keytar’s functions for a keychain', async () => {
    const items = new Map<string, string>();
    const keychain = {
      getPassword: async (_: string, account: string) => items.get(account) ?? null,
      setPassword: async (_: string, account: string, password: string) => void items.set(account, password),
      deletePassword: async (_: string, account: string) => items.delete(account),
      findCredentials: async () => [...items].map(([account, password]) => ({ account, password })),
    };
    const stores = createStores(keychain);
    await stores.put('a1', value('x'), o);
    expect([...items.keys()]).toEqual(['a1']);
    expect(await get(createStores(createMemoryStore({ b1: { p: 'y' } })), 'b1')).toEqual({ p: 'y' });
  });
});

// The keychain that answers is tested with a real one, in credentials-keytar.test.ts.
describe.runIf(process.platform === 'linux')('the default, where no keychain answers', () => {
  const bus = process.env.DBUS_SESSION_BUS_ADDRESS;
  beforeAll(() => {
    process.env.DBUS_SESSION_BUS_ADDRESS = 'unix:path=/nowhere/bus';
  });
  afterAll(() => {
    if (bus === undefined) delete process.env.DBUS_SESSION_BUS_ADDRESS;
    else process.env.DBUS_SESSION_BUS_ADDRESS = bus;
  });

  it('is the environment, and the credentials file; and says so once', async () => {
    const own = await mkdtemp(join(folder, 'default-'));
    const notices: string[] = [];
    const environment = { PIPE_PASSPHRASE: 'p', PIPE_IN_ENV_PASSWORD: 'from env' };
    const stores = createStores(undefined, { folder: own, environment, notice: (text) => notices.push(text) });
    expect(await get(stores, 'in-env')).toEqual({ password: 'from env' });
    expect(notices).toEqual([]);
    expect(await get(stores, 'my-db')).toBeUndefined();
    expect(await readdir(own)).toEqual([]);
    await stores.put('my-db', value('hunter2'), o);
    expect(await readdir(own)).toEqual(['credentials']);
    expect(await get(stores, 'my-db')).toEqual({ password: 'hunter2' });
    expect(await names(stores)).toEqual(['my-db']);
    expect(notices).toHaveLength(1);
    expect(notices[0]).toContain(join(own, 'credentials'));
    expect(notices[0]).toContain('keychain');
    expect(stores.where()).toMatch(/^the environment, the keychain \(which cannot be used: .+\) or .+credentials$/);
    await stores.remove('my-db', o);
    expect(await get(stores, 'my-db')).toBeUndefined();
    await stores.close();
  });

  it('finds what another run kept in the file', async () => {
    const own = await mkdtemp(join(folder, 'default-'));
    const environment = { PIPE_PASSPHRASE: 'p' };
    await createFileStore({ path: join(own, 'credentials'), environment, cost: 10 }).put('my-db', value('x'), o);
    expect(await get(createStores('default', { folder: own, environment }), 'my-db')).toEqual({ password: 'x' });
    expect(
      await failureOf(() => createStores('default', { folder: own, environment: {} }).get('my-db', o)),
    ).toMatchObject({
      code: 'PASSPHRASE_MISSING',
    });
  });
});

describe('secret("…")', () => {
  const store = createMemoryStore({
    'stripe-key': { key: 'only field' },
    mixed: { value: 'the value', other: 'x' },
    'my-db': { password: 'p', user: 'u' },
    'dotted.name': { a: 'whole name' },
  });
  const reference = async (text: string) => (await referencedSecret(store, text, 'memory', o)).reveal();

  it('is a credential’s only field, its field `value`, or the field that is named', async () => {
    expect(await reference('stripe-key')).toBe('only field');
    expect(await reference('mixed')).toBe('the value');
    expect(await reference('my-db.password')).toBe('p');
    expect(await reference('dotted.name')).toBe('whole name');
    expect(await reference('dotted.name.a')).toBe('whole name');
  });

  it.each([
    ['none', 'secret("none") is not in memory'],
    ['my-db', 'say one of "my-db.password", "my-db.user"'],
    ['my-db.token', '"my-db" is there, with password, user'],
    ['../x', 'is not in memory'],
    ['', 'is not in memory'],
  ])('%j: says what is wrong', async (text, part) => {
    const error = await failureOf(() => reference(text));
    expect(error).toMatchObject({ code: 'SECRET_MISSING' });
    expect(error.message).toContain(part);
    expect(exitCode(error)).toBe(3);
  });
});
