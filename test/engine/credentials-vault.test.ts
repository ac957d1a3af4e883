// The Vault store: tokens, AppRole, renewal, versions, and what each refusal says.
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createVaultStore, type VaultStoreOptions } from '../../engine/credentials/vault.ts';
import { exitCode, type Failure } from '../../engine/errors.ts';
import { credentialOf, revealed } from '../../engine/secret.ts';
import { testCredentialStore } from '../conformance/credential-store.ts';
import { startVault, type TestVault } from '../servers/vault.ts';

const o = { signal: new AbortController().signal };
const password = credentialOf({ password: 'hunter2' });

testCredentialStore('vault', {
  create: async (credentials) => {
    const vault = await startVault();
    const open = () => createVaultStore({ address: vault.address, token: vault.root, environment: {} });
    const store = open();
    for (const [name, fields] of Object.entries(credentials)) await store.put(name, credentialOf(fields), o);
    await store.close();
    return { open, remove: () => vault.close() };
  },
});

testCredentialStore('vault whose engine requires check-and-set', {
  create: async (credentials) => {
    const vault = await startVault();
    vault.casRequired = true;
    const open = () => createVaultStore({ address: vault.address, token: vault.root, environment: {} });
    const store = open();
    for (const [name, fields] of Object.entries(credentials)) await store.put(name, credentialOf(fields), o);
    await store.close();
    return { open, remove: () => vault.close() };
  },
});

let vault: TestVault;
let folder: string;
const stores: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pipe-vault-'));
});
afterAll(() => rm(folder, { recursive: true }));
beforeEach(async () => {
  vault = await startVault();
});
afterEach(async () => {
  vi.useRealTimers();
  await Promise.all(stores.splice(0).map((store) => store.close()));
  await vault.close();
});

function open(options: VaultStoreOptions = {}) {
  const store = createVaultStore({ address: vault.address, token: vault.root, environment: {}, ...options });
  stores.push(store);
  return store;
}

async function failureOf(promise: Promise<unknown>): Promise<Failure> {
  return promise.then(
    () => Promise.reject(new Error('it did not fail')),
    (error: Failure) => error,
  );
}

/** `token: undefined` takes the one given by default away. */
const without = { token: undefined } as unknown as VaultStoreOptions;

describe('where', () => {
  it('takes mount, prefix and namespace', async () => {
    await vault.close();
    vault = await startVault({ mount: 'team/kv', namespace: 'ns1/ns2' });
    const store = open({ mount: '/team/kv/', prefix: 'apps/etl/', namespace: 'ns1/ns2' });
    await store.put('my-db', password, o);
    expect(vault.requests).toContain('POST team/kv/data/apps/etl/my-db');
    expect(revealed((await store.get('my-db', o))!.fields)).toEqual({ password: 'hunter2' });
    const other = await failureOf(open({ mount: 'team/kv', namespace: 'ns3' }).get('my-db', o));
    expect(other).toMatchObject({ code: 'STORE_FAILED' });
    expect(other.message).toContain('no handler for route');
  });

  it('takes address, namespace and token from the variables of Vault’s own client', async () => {
    await open().put('my-db', password, o);
    const environment = { VAULT_ADDR: `${vault.address}/`, VAULT_TOKEN: vault.root };
    const store = createVaultStore({ environment });
    stores.push(store);
    expect(await store.get('my-db', o)).toBeDefined();
  });

  it('leaves alone what is not below its prefix, and takes secrets that others wrote', async () => {
    vault.write('pipewright/by-hand', { password: 'x', port: 5432, nested: { a: [1] } });
    vault.write('pipewright/folder/inner', { a: 'b' });
    vault.write('other', { a: 'b' });
    const store = open();
    expect(revealed((await store.get('by-hand', o))!.fields)).toEqual({
      password: 'x',
      port: '5432',
      nested: '{"a":[1]}',
    });
    const names: string[] = [];
    for await (const name of store.names(o)) names.push(name);
    expect(names).toEqual(['by-hand']);
  });

  it('takes a secret whose latest version was deleted as not there, and can write it again', async () => {
    const store = open();
    await store.put('my-db', password, o);
    vault.softDelete('pipewright/my-db');
    expect(await store.get('my-db', o)).toBeUndefined();
    await store.put('my-db', password, o);
    expect(await store.get('my-db', o)).toBeDefined();
  });

  it.each([
    [{ address: undefined as unknown as string }, 'VAULT_ADDR'],
    [{ address: 'vault.example.com:8200' }, 'https://'],
    [{ address: 'https://u:hunter2@vault.example.com' }, 'user and password'],
  ])('says what is wrong with the options %j', async (options, part) => {
    const error = await failureOf(Promise.resolve().then(() => open(options)));
    expect(error).toMatchObject({ code: 'STORE_OPTION_INVALID' });
    expect(error.message).toContain(part);
    expect(error.message).not.toContain('hunter2');
  });
});

describe('token', () => {
  it('from a file is read again when an agent has put another there', async () => {
    const tokenFile = join(folder, 'token');
    const first = vault.issue();
    await writeFile(tokenFile, `${first}\n`);
    const store = open({ ...without, tokenFile });
    await store.put('my-db', password, o);
    vault.revoke(first);
    await writeFile(tokenFile, vault.issue());
    expect(await store.get('my-db', o)).toBeDefined();
    await writeFile(tokenFile, 'hvs.unknown');
    vault.revoke(vault.root);
    const error = await failureOf(open({ ...without, tokenFile }).get('my-db', o));
    expect(error).toMatchObject({ code: 'STORE_DENIED' });
    expect(await failureOf(open({ ...without, tokenFile: join(folder, 'none') }).get('my-db', o))).toMatchObject({
      code: 'STORE_OPTION_INVALID',
    });
  });

  it('from an AppRole is got once for many calls, and again when it is refused', async () => {
    const { roleId, secretId } = vault.role({});
    const secretIdFile = join(folder, 'secret-id');
    await writeFile(secretIdFile, `${secretId}\n`);
    for (const options of [
      { roleId, secretId },
      { roleId, secretIdFile },
      { environment: { VAULT_ROLE_ID: roleId, VAULT_SECRET_ID: secretId } },
    ]) {
      vault.requests.length = 0;
      const learned: string[] = [];
      const store = open({ ...without, ...options, learn: (secret) => learned.push(secret) });
      await Promise.all([store.put('a1', password, o), store.put('b1', password, o), store.get('c1', o)]);
      const logins = () => vault.requests.filter((request) => request === 'POST auth/approle/login').length;
      expect(logins()).toBe(1);
      expect(learned).toHaveLength(2);
      vault.revoke(learned[1]!);
      const found = await Promise.all([store.get('a1', o), store.get('b1', o), store.get('a1', o)]);
      expect(found.every((each) => each !== undefined)).toBe(true);
      expect(logins()).toBe(2);
    }
  });

  it('from an AppRole at another mount', async () => {
    const { roleId, secretId } = vault.role({ mount: 'approle-ci' });
    expect(await open({ ...without, roleId, secretId, authMount: 'approle-ci' }).get('a1', o)).toBeUndefined();
    const error = await failureOf(open({ ...without, roleId, secretId }).get('a1', o));
    expect(error).toMatchObject({ code: 'STORE_DENIED', data: { what: 'the login with AppRole' } });
    expect(error.message).toContain('invalid role or secret ID');
    expect(JSON.stringify(error)).not.toContain(secretId);
  });

  it.each(['AppRole', 'given'])('%s is renewed when two thirds of its time are over', async (kind) => {
    const lasting = { ttlSeconds: 60, maxTtlSeconds: 100, renewable: true };
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
    const store = open(kind === 'AppRole' ? { ...without, ...vault.role(lasting) } : { token: vault.issue(lasting) });
    const renewals = () => vault.requests.filter((request) => request === 'POST auth/token/renew-self').length;
    await store.put('a1', password, o);
    vi.setSystemTime(Date.now() + 39_000);
    await store.get('a1', o);
    expect(renewals()).toBe(0);
    vi.setSystemTime(Date.now() + 2_000);
    await Promise.all([store.get('a1', o), store.get('a1', o)]);
    expect(renewals()).toBe(1);
    vi.setSystemTime(Date.now() + 30_000);
    expect(await store.get('a1', o)).toBeDefined();
    // Past what renewals can do: a role logs in again, a given token is over.
    vi.setSystemTime(Date.now() + 40_000);
    if (kind === 'AppRole') {
      expect(await store.get('a1', o)).toBeDefined();
      expect(vault.requests.filter((request) => request === 'POST auth/approle/login')).toHaveLength(2);
    } else {
      expect(await failureOf(store.get('a1', o))).toMatchObject({ code: 'STORE_DENIED' });
    }
  });
});

describe('refusals', () => {
  const refusal = async (store: ReturnType<typeof open>, code: string, ...parts: string[]) => {
    const error = await failureOf(store.get('my-db', o));
    expect(error.code).toBe(code);
    for (const part of parts) expect(error.message).toContain(part);
    expect(error.message).toContain(vault.address);
    expect(exitCode(error)).toBe(3);
    return error;
  };

  it('403: tells a bad token from one that may not', async () => {
    await refusal(open({ token: 'hvs.unknown' }), 'STORE_DENIED', 'GET secret/data/pipewright/my-db', 'not valid');
    const token = vault.issue({ policy: { 'secret/data/pipewright/': ['read'] } });
    const store = open({ token });
    expect(await store.get('my-db', o)).toBeUndefined();
    for (const use of [
      store.put('my-db', password, o),
      store.remove('my-db', o),
      store.names(o)[Symbol.asyncIterator]().next(),
    ]) {
      const error = await failureOf(use);
      expect(error).toMatchObject({ code: 'STORE_DENIED' });
      expect(error.message).toContain('no policy of it allows that: permission denied');
    }
  });

  it('sealed', async () => {
    vault.sealed = true;
    const error = await refusal(open(), 'STORE_LOCKED', 'sealed', 'vault operator unseal');
    expect(error.retry).toBe(false);
  });

  it('nobody there', async () => {
    await vault.close();
    const error = await refusal(open(), 'STORE_UNREACHABLE', 'ECONNREFUSED');
    expect(error.retry).toBe(true);
    vault = await startVault();
    expect(await failureOf(open({ address: 'http://no-such-host.invalid' }).get('a1', o))).toMatchObject({
      code: 'STORE_UNREACHABLE',
    });
  });

  it('no engine at the mount, or one of version 1', async () => {
    await refusal(open({ mount: 'kv' }), 'STORE_FAILED', 'no handler for route', '`mount`');
    await vault.close();
    vault = await startVault({ version: 1 });
    await refusal(open(), 'STORE_FAILED', 'version 1', 'vault kv enable-versioning secret');
    const written = await failureOf(open().put('my-db', password, o));
    expect(written.message).toContain('version 1');
  });

  it.each([500, 502, 429, 473])('%i: may be tried again', async (status) => {
    vault.instead = (_, response) => response.writeHead(status).end('{"errors":["internal error"]}');
    const error = await refusal(open(), 'STORE_FAILED', String(status), 'internal error');
    expect(error.retry).toBe(true);
  });

  it('a redirect does not get the token', async () => {
    const other = await startVault();
    try {
      vault.instead = (request, response) =>
        response.writeHead(307, { location: `${other.address}${request.url}` }).end();
      await refusal(open(), 'STORE_FAILED', 'redirects', other.address);
      expect(other.requests).toEqual([]);
    } finally {
      await other.close();
    }
  });

  it('something that is no Vault', async () => {
    for (const status of [200, 404]) {
      vault.instead = (_, response) => response.writeHead(status).end('<html>hunter2</html>');
      const error = await refusal(open(), 'STORE_FAILED', 'is that the address of a Vault?');
      expect(error.message).not.toContain('hunter2');
    }
  });

  it('an answer that never comes ends with the signal', async () => {
    vault.instead = () => {};
    await expect(open().get('my-db', { signal: AbortSignal.timeout(100) })).rejects.toMatchObject({
      name: 'TimeoutError',
    });
  });

  it('a certificate of an authority that is not known, until it is named', async () => {
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const subject = ['-subj', '/CN=vault', '-addext', 'subjectAltName=IP:127.0.0.1'];
    execFileSync(
      'openssl',
      ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', key, '-out', cert, ...subject],
      { stdio: 'ignore' },
    );
    await vault.close();
    vault = await startVault({ tls: { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8') } });
    await refusal(open(), 'TLS_FAILED', '`ca_file`');
    expect(await open({ caFile: cert }).get('my-db', o)).toBeUndefined();
    expect(await failureOf(open({ caFile: join(folder, 'none.pem') }).get('my-db', o))).toMatchObject({
      code: 'NOT_FOUND',
    });
  });
});
