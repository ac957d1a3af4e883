// The token that Vault is used with: given, in a file, or from an AppRole; renewed before it runs out.
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { failure } from '../errors.ts';
import type { Send } from './vault-client.ts';

// As https://developer.hashicorp.com/vault/api-docs/auth/token and …/auth/approle have it.

export interface VaultTokenOptions {
  /** VAULT_TOKEN when absent. */
  token?: string;
  /** Read again when what was in it is refused: an agent puts a new one there. ~/.vault-token when all else is absent. */
  tokenFile?: string;
  /** AppRole: VAULT_ROLE_ID and VAULT_SECRET_ID when absent. */
  roleId?: string;
  secretId?: string;
  secretIdFile?: string;
  /** Where the AppRole method is mounted, `approle` when absent. */
  authMount?: string;
  /** Told of every token and secret ID before it is used: the redactor. */
  learn?(secret: string): void;
}

export interface VaultToken {
  get(send: Send, signal: AbortSignal): Promise<string>;
  /** After `refused` was refused: whether there is another one now. */
  renewed(refused: string, send: Send, signal: AbortSignal): Promise<boolean>;
  /** In words: whether the token is bad or may not do this. */
  whyRefused(refused: string, send: Send, signal: AbortSignal, said: string): Promise<string>;
}

interface Lease {
  token: string;
  renewable: boolean;
  /** Two thirds of its time are over then; infinite for a token that does not run out. */
  renewAt: number;
  endsAt: number;
}

interface Auth {
  client_token: string;
  lease_duration: number;
  renewable: boolean;
}

export function createVaultToken(
  options: VaultTokenOptions & { environment: Readonly<Record<string, string | undefined>>; store: string },
): VaultToken {
  const { environment, store, learn } = options;
  const roleId = options.roleId ?? environment.VAULT_ROLE_ID;
  const given =
    options.token ??
    (options.tokenFile === undefined && options.roleId === undefined ? environment.VAULT_TOKEN : undefined);
  const byRole = !given && options.tokenFile === undefined && Boolean(roleId);
  let lease: Lease | undefined;
  let obtaining: Promise<Lease> | undefined;

  async function obtain(send: Send, signal: AbortSignal): Promise<Lease> {
    if (byRole)
      return lease?.renewable && Date.now() < lease.endsAt
        ? ((await renew(lease, send, signal)) ?? logIn(send, signal))
        : logIn(send, signal);
    const token = given?.trim() || fromFile(options.tokenFile);
    learn?.(token);
    if (lease?.token === token && lease.renewable) {
      // What cannot be renewed any more is used to its end.
      return (await renew(lease, send, signal)) ?? { ...lease, renewable: false, renewAt: Number.POSITIVE_INFINITY };
    }
    const { data } = await send('GET', 'auth/token/lookup-self', signal, undefined, token);
    // A policy may keep a token from looking at itself; its time is unknown then.
    const { ttl = 0, renewable = false } = (data ?? {}) as { ttl?: number; renewable?: boolean };
    return leaseOf(token, ttl, renewable);
  }

  async function logIn(send: Send, signal: AbortSignal): Promise<Lease> {
    const secretId =
      options.secretIdFile === undefined
        ? (options.secretId ?? environment.VAULT_SECRET_ID)
        : readText(options.secretIdFile, 'secret_id_file');
    if (secretId) learn?.(secretId.trim());
    const method = (options.authMount ?? 'approle').replace(/^\/+|\/+$/g, '');
    const { auth, errors } = await send('POST', `auth/${method}/login`, signal, {
      role_id: roleId,
      ...(secretId && { secret_id: secretId.trim() }),
    });
    if (auth === undefined || auth === null) {
      throw failure('STORE_DENIED', {
        store,
        what: 'the login with AppRole',
        reason: errors.join('; ') || 'role or secret ID is wrong',
      });
    }
    const { client_token, lease_duration, renewable } = auth as Auth;
    learn?.(client_token);
    return leaseOf(client_token, lease_duration, renewable);
  }

  async function renew({ token }: Lease, send: Send, signal: AbortSignal): Promise<Lease | undefined> {
    const { status, auth } = await send('POST', 'auth/token/renew-self', signal, {}, token);
    if (status >= 300 || auth === undefined || auth === null) return undefined;
    const { lease_duration, renewable } = auth as Auth;
    return leaseOf(token, lease_duration, renewable);
  }

  /** One at a time; who waits for another's gets its outcome, unless it was that one's signal that ended it. */
  async function obtainOnce(send: Send, signal: AbortSignal): Promise<Lease> {
    while (obtaining !== undefined) {
      const others = await obtaining.catch(() => undefined);
      if (others !== undefined) return others;
    }
    obtaining = obtain(send, signal).finally(() => {
      obtaining = undefined;
    });
    lease = await obtaining;
    return lease;
  }

  return {
    async get(send, signal) {
      return lease !== undefined && Date.now() < lease.renewAt ? lease.token : (await obtainOnce(send, signal)).token;
    },
    async renewed(refused, send, signal) {
      if (lease?.token === refused) {
        if (!byRole && (given || fromFile(options.tokenFile) === refused)) return false;
        lease = undefined;
      }
      return (await obtainOnce(send, signal)).token !== refused;
    },
    async whyRefused(refused, send, signal, said) {
      const { status } = await send('GET', 'auth/token/lookup-self', signal, undefined, refused);
      return status === 403
        ? `the token is not valid, or its time is over${said}`
        : `the token is valid, and no policy of it allows that${said}`;
    },
  };

  function fromFile(path: string | undefined): string {
    const text = readText(path ?? join(homedir(), '.vault-token'), 'token_file');
    if (text !== '') return text;
    throw failure('STORE_OPTION_INVALID', {
      store: 'vault',
      reason: `there is no token in ${path ?? '~/.vault-token'}`,
    });
  }
}

function leaseOf(token: string, seconds: number, renewable: boolean): Lease {
  const now = Date.now();
  if (seconds <= 0)
    return { token, renewable: false, renewAt: Number.POSITIVE_INFINITY, endsAt: Number.POSITIVE_INFINITY };
  return { token, renewable, renewAt: now + (seconds * 1000 * 2) / 3, endsAt: now + seconds * 1000 };
}

function readText(path: string, option: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (cause) {
    const ways = '`token`, `token_file`, VAULT_TOKEN, or an AppRole with `role_id` and `secret_id`';
    throw failure(
      'STORE_OPTION_INVALID',
      { store: 'vault', reason: `${path} cannot be read (\`${option}\`); it needs ${ways}` },
      { cause },
    );
  }
}
