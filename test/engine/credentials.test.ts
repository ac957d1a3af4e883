// The credential stores that need no server: memory, environment and file.
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createEnvStore } from '../../engine/credentials/env.ts';
import { createFileStore } from '../../engine/credentials/file.ts';
import { createMemoryStore } from '../../engine/credentials/memory.ts';
import { environmentName } from '../../engine/credentials/names.ts';
import { credentialOf, revealed } from '../../engine/secret.ts';
import { testCredentialStore } from '../conformance/credential-store.ts';

const o = { signal: new AbortController().signal };

testCredentialStore('memory', {
  create: (credentials) => {
    const store = createMemoryStore(credentials);
    return { open: () => store };
  },
});

testCredentialStore('env', {
  readOnly: true,
  create: (credentials) => {
    const environment: Record<string, string> = {};
    for (const [name, fields] of Object.entries(credentials)) {
      for (const [field, value] of Object.entries(fields)) environment[environmentName(name, field)] = value;
    }
    return { open: () => createEnvStore(environment) };
  },
});

testCredentialStore('file', {
  create: async (credentials) => {
    const folder = await mkdtemp(join(tmpdir(), 'pipe-credentials-'));
    const path = join(folder, 'new', 'credentials');
    const environment = { PIPE_PASSPHRASE: randomUUID() };
    const open = () => createFileStore({ path, environment, cost: 12 });
    const store = open();
    for (const [name, fields] of Object.entries(credentials)) await store.put(name, credentialOf(fields), o);
    return { open, remove: () => rm(folder, { recursive: true }) };
  },
});

describe('env', () => {
  const environment = {
    PIPE_MY_TWILIO_AUTH_TOKEN: 'token',
    PIPE_A_B_C: 'both',
    PIPE_A_B_D: 'd',
    PIPE_PASSPHRASE: 'not a credential',
    PIPE_EMPTY_PASSWORD: '',
    MY_TWILIO_ACCOUNT: 'x',
  };
  const store = createEnvStore(environment);
  const get = async (name: string, fields?: string[]) => {
    const found = await store.get(name, fields === undefined ? o : { ...o, fields });
    return found && revealed(found.fields);
  };

  it('reads PIPE_<ALIAS>_<FIELD>, upper case, "-" as "_"', async () => {
    expect(environmentName('my-twilio', 'auth_token')).toBe('PIPE_MY_TWILIO_AUTH_TOKEN');
    expect(await get('my-twilio', ['auth_token', 'account_sid'])).toEqual({ auth_token: 'token' });
    expect(await get('my-twilio')).toEqual({ auth_token: 'token' });
  });

  it('gives a variable that two names could mean to the one that has such a field', async () => {
    expect(await get('a-b', ['c', 'd'])).toEqual({ c: 'both', d: 'd' });
    expect(await get('a', ['b_c'])).toEqual({ b_c: 'both' });
    expect(await get('a', ['password'])).toBeUndefined();
  });

  it('takes neither the variables of the tool itself nor empty ones', async () => {
    expect(await get('passphrase')).toBeUndefined();
    expect(await get('empty', ['password'])).toBeUndefined();
  });
});
