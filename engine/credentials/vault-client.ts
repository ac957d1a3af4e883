// Vault's HTTP interface: one call, its token, and what its refusals mean.
import { readFileSync } from 'node:fs';
import { Agent, request } from 'undici';
import { type Failure, failure } from '../errors.ts';
import { createVaultToken, type VaultTokenOptions } from './vault-token.ts';

// As https://developer.hashicorp.com/vault/api-docs has it.

export interface VaultClientOptions extends VaultTokenOptions {
  /** VAULT_ADDR when absent. */
  address?: string;
  /** VAULT_NAMESPACE when absent. */
  namespace?: string;
  /** The certificate authority, as a PEM file; VAULT_CACERT when absent, and the system's without that. */
  caFile?: string;
  environment?: Readonly<Record<string, string | undefined>>;
}

export interface VaultReply {
  /** 200 to 299, 400 or 404. */
  status: number;
  errors: string[];
  data?: unknown;
  auth?: unknown;
}

export interface VaultClient {
  /** Throws STORE_DENIED, STORE_LOCKED, STORE_UNREACHABLE, STORE_FAILED or TLS_FAILED. */
  call(method: string, path: string, signal: AbortSignal, body?: unknown): Promise<VaultReply>;
  failed(reason: string): Failure;
  close(): Promise<void>;
}

/** Sends one request with this token, without a word about what it means. */
export type Send = (
  method: string,
  path: string,
  signal: AbortSignal,
  body?: unknown,
  token?: string,
) => Promise<VaultReply>;

const connectMs = 10_000;
const answerMs = 30_000;

export function createVaultClient({ environment = process.env, ...options }: VaultClientOptions): VaultClient {
  const address = addressOf(options.address ?? environment.VAULT_ADDR);
  const store = `Vault at ${address}`;
  const namespace = options.namespace ?? environment.VAULT_NAMESPACE;
  const caFile = options.caFile ?? environment.VAULT_CACERT;
  const token = createVaultToken({ ...options, environment, store });
  let agent: Agent | undefined;

  const send: Send = async (method, path, signal, body, token) => {
    signal.throwIfAborted();
    agent ??= new Agent({ connect: { timeout: connectMs, ...(caFile && { ca: authority(caFile) }) } });
    const headers: Record<string, string> = { 'x-vault-request': 'true', accept: 'application/json' };
    if (namespace) headers['x-vault-namespace'] = namespace;
    if (token) headers['x-vault-token'] = token;
    if (body !== undefined) headers['content-type'] = 'application/json';
    const url = `${address}/v1/${path.split('/').map(encodeURIComponent).join('/')}`;
    try {
      const response = await request(method === 'LIST' ? `${url}?list=true` : url, {
        method: method === 'LIST' ? 'GET' : (method as 'GET'),
        headers,
        body: body === undefined ? null : JSON.stringify(body),
        signal,
        dispatcher: agent,
        headersTimeout: answerMs,
        bodyTimeout: answerMs,
      });
      return reply(response.statusCode, response.headers.location, await response.body.text());
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw unreachable(error as NodeJS.ErrnoException);
    }
  };

  function reply(status: number, location: string | string[] | undefined, text: string): VaultReply {
    let json: { errors?: unknown; data?: unknown; auth?: unknown } | undefined;
    try {
      json = JSON.parse(text || '{}');
    } catch {
      // No cause: its message would quote the answer.
    }
    const errors = Array.isArray(json?.errors) ? json.errors.flatMap((error) => linesOf(String(error))) : [];
    if (status >= 300 && status < 400) {
      throw failed(`it redirects to ${String(location)}; make that its address if it is yours`);
    }
    if (status === 503 && errors.some((error) => error.includes('sealed'))) {
      throw failure('STORE_LOCKED', {
        store,
        reason: 'it is sealed',
        hint: '; unseal it with `vault operator unseal`, or ask who runs it',
      });
    }
    if (status === 501) throw failed('it is not initialised; `vault operator init` does that');
    if (status === 412 || status === 429 || status === 472 || status === 473 || status >= 500) {
      throw failure('STORE_FAILED', { store, reason: `it answered ${status}${tail(errors)}` }, { retry: true });
    }
    if (json === undefined || typeof json !== 'object' || json === null) {
      throw failed(`it answered ${status} with something that is not JSON; is that the address of a Vault?`);
    }
    if (status >= 300 && status !== 400 && status !== 403 && status !== 404)
      throw failed(`it answered ${status}${tail(errors)}`);
    return { status, errors, data: json.data, auth: json.auth };
  }

  function failed(reason: string): Failure {
    return failure('STORE_FAILED', { store, reason });
  }

  function unreachable(error: NodeJS.ErrnoException): unknown {
    const { code = '' } = error;
    if (/CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS|ERR_SSL|EPROTO/.test(code)) {
      return failure(
        'TLS_FAILED',
        { host: store, reason: `${error.message}; a certificate authority of your own is named with \`ca_file\`` },
        { cause: error },
      );
    }
    if (error.name === 'Failure') return error;
    return failure('STORE_UNREACHABLE', { store, reason: error.message || code }, { cause: error });
  }

  return {
    async call(method, path, signal, body) {
      for (let tries = 1; ; tries += 1) {
        const current = await token.get(send, signal);
        const answer = await send(method, path, signal, body, current);
        if (answer.status !== 403) return answer;
        if (tries === 1 && (await token.renewed(current, send, signal))) continue;
        const what = `${method} ${path}`;
        throw failure('STORE_DENIED', {
          store,
          what,
          reason: await token.whyRefused(current, send, signal, tail(answer.errors)),
        });
      }
    },
    failed,
    async close() {
      await agent?.close();
      agent = undefined;
    },
  };
}

function addressOf(text: string | undefined): string {
  const wrong = (reason: string) => failure('STORE_OPTION_INVALID', { store: 'vault', reason });
  if (!text) throw wrong('no `address`, and VAULT_ADDR is not set');
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text))
    throw wrong('`address` must be like https://vault.example.com:8200');
  const { origin, pathname, username, password } = new URL(text);
  if (username || password) throw wrong('`address` must not have a user and password in it');
  return (origin + pathname).replace(/\/+$/, '').replace(/\/v1$/, '');
}

function authority(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw failure('NOT_FOUND', { path, hint: '; `ca_file` or VAULT_CACERT names it' }, { cause });
  }
}

// "1 error occurred:\n\t* permission denied\n\n"
function linesOf(error: string): string[] {
  const lines = error.split('\n').map((line) => line.trim());
  const listed = lines.filter((line) => line.startsWith('* ')).map((line) => line.slice(2));
  return listed.length > 0 ? listed : lines.filter((line) => line !== '');
}

function tail(errors: readonly string[]): string {
  return errors.length === 0 ? '' : `: ${errors.join('; ')}`;
}
