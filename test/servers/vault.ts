// A Vault for tests: KV version 2, tokens, AppRole, policies, sealing, in process.
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

// Written from the published interface, and compared with the KV plugin's own answers:
//   https://developer.hashicorp.com/vault/api-docs                         status codes, errors, LIST, namespaces
//   https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2         data/, metadata/, options.cas
//   https://developer.hashicorp.com/vault/api-docs/auth/token              lookup-self, renew-self
//   https://developer.hashicorp.com/vault/api-docs/auth/approle            login
//   https://developer.hashicorp.com/vault/api-docs/system/internal-ui-mounts

export type Ability = 'read' | 'create' | 'update' | 'delete' | 'list';

export interface TokenOptions {
  /** Path prefixes, such as `secret/data/pipewright/`; absent: root. */
  policy?: Record<string, Ability[]>;
  /** 0: it never runs out. */
  ttlSeconds?: number;
  /** How long renewals can make it last. */
  maxTtlSeconds?: number;
  renewable?: boolean;
}

export interface TestVault {
  address: string;
  root: string;
  /** Requests so far, as `GET auth/token/lookup-self`. */
  requests: string[];
  issue(options?: TokenOptions): string;
  revoke(token: string): void;
  /** A role that can log in; its tokens are made with these options. */
  role(options: TokenOptions & { mount?: string }): { roleId: string; secretId: string };
  sealed: boolean;
  casRequired: boolean;
  /** Answers every request with this instead, as a proxy in front may. */
  instead: ((request: IncomingMessage, response: ServerResponse) => void) | undefined;
  /** Writes as another client does. */
  write(path: string, data: unknown): void;
  softDelete(path: string): void;
  close(): Promise<void>;
}

interface Version {
  data: unknown;
  created_time: string;
  deletion_time: string;
}

interface Token extends TokenOptions {
  endsAt: number;
  lastAt: number;
}

interface Answer {
  status: number;
  body?: unknown;
}

const versionsKept = 10;
const refused: Answer = { status: 403, body: { errors: ['permission denied'] } };
const byPolicy: Answer = { status: 403, body: { errors: ['1 error occurred:\n\t* permission denied\n\n'] } };
const nothing: Answer = { status: 404, body: { errors: [] } };
const bad = (...errors: string[]): Answer => ({ status: 400, body: { errors } });

export interface VaultOptions {
  mount?: string;
  /** The KV engine's version. */
  version?: 1 | 2;
  namespace?: string;
  tls?: { key: string; cert: string };
}

export async function startVault({
  mount = 'secret',
  version = 2,
  namespace,
  tls,
}: VaultOptions = {}): Promise<TestVault> {
  const secrets = new Map<string, { last: number; versions: Map<number, Version> }>();
  const tokens = new Map<string, Token>();
  const roles = new Map<string, TokenOptions & { mount: string; secretId: string }>();

  const issue = (options: TokenOptions = {}): string => {
    const token = `hvs.${randomUUID()}`;
    const { ttlSeconds = 0, maxTtlSeconds = Number.POSITIVE_INFINITY } = options;
    const endsAt = ttlSeconds === 0 ? Number.POSITIVE_INFINITY : Date.now() + ttlSeconds * 1000;
    tokens.set(token, { ...options, endsAt, lastAt: Date.now() + maxTtlSeconds * 1000 });
    return token;
  };

  const write = (path: string, data: unknown): number => {
    const secret = secrets.get(path) ?? { last: 0, versions: new Map() };
    secrets.set(path, secret);
    secret.last += 1;
    secret.versions.set(secret.last, {
      data,
      created_time: new Date().toISOString().replace('Z', `${Math.random().toString().slice(2, 8)}Z`),
      deletion_time: '',
    });
    secret.versions.delete(secret.last - versionsKept);
    return secret.last;
  };
  const softDelete = (path: string) => {
    const secret = secrets.get(path);
    if (secret !== undefined) secret.versions.get(secret.last)!.deletion_time = new Date().toISOString();
  };
  const metadata = (number: number, { created_time, deletion_time }: Version) => ({
    created_time,
    custom_metadata: null,
    deletion_time,
    destroyed: false,
    version: number,
  });

  function data(method: string, path: string, body: Record<string, unknown>): Answer {
    const secret = secrets.get(path);
    const latest = secret?.versions.get(secret.last);
    if (method === 'DELETE') {
      softDelete(path);
      return { status: 204 };
    }
    if (method === 'GET') {
      if (secret === undefined || latest === undefined) return nothing;
      const gone = latest.deletion_time !== '';
      return {
        status: gone ? 404 : 200,
        body: { data: { data: gone ? null : latest.data, metadata: metadata(secret.last, latest) } },
      };
    }
    if (body.data === undefined) return bad('no data provided');
    const { cas } = (body.options ?? {}) as { cas?: unknown };
    if (cas === undefined && vault.casRequired) return bad('check-and-set parameter required for this call');
    if (cas !== undefined && cas !== (secret?.last ?? 0))
      return bad('check-and-set parameter did not match the current version');
    const number = write(path, body.data);
    return { status: 200, body: { data: metadata(number, secrets.get(path)!.versions.get(number)!) } };
  }

  function list(folder: string): Answer {
    const prefix = folder === '' || folder.endsWith('/') ? folder : `${folder}/`;
    const below = [...secrets.keys()]
      .filter((path) => path.startsWith(prefix))
      .map((path) => path.slice(prefix.length));
    const keys = [
      ...new Set(below.map((rest) => (rest.includes('/') ? `${rest.slice(0, rest.indexOf('/'))}/` : rest))),
    ].sort();
    return keys.length === 0 ? nothing : { status: 200, body: { data: { keys } } };
  }

  function engine(method: string, path: string, body: Record<string, unknown>): Answer {
    const [kind = '', ...rest] = path.split('/');
    const name = rest.join('/');
    if (version === 1) {
      if (method === 'POST') return { status: 204 };
      return nothing;
    }
    if (kind === 'data' && name !== '' && method !== 'LIST') return data(method, name, body);
    if (kind === 'metadata' && method === 'LIST') return list(name);
    if (kind === 'metadata' && method === 'DELETE') {
      secrets.delete(name);
      return { status: 204 };
    }
    return nothing;
  }

  const seconds = ({ endsAt }: Token) =>
    endsAt === Number.POSITIVE_INFINITY ? 0 : Math.ceil((endsAt - Date.now()) / 1000);
  const asAuth = (id: string, token: Token) => ({
    auth: {
      client_token: id,
      lease_duration: seconds(token),
      renewable: token.renewable ?? false,
      token_policies: ['default'],
      metadata: null,
    },
    data: null,
  });

  function logIn(method: string, { role_id, secret_id }: Record<string, unknown>): Answer {
    const role = roles.get(String(role_id));
    if (role === undefined || role.mount !== method || role.secretId !== secret_id)
      return bad('invalid role or secret ID');
    const id = issue(role);
    return { status: 200, body: asAuth(id, tokens.get(id)!) };
  }

  function answer(method: string, path: string, request: IncomingMessage, body: Record<string, unknown>): Answer {
    if (vault.sealed) return { status: 503, body: { errors: ['Vault is sealed'] } };
    const elsewhere = namespace !== undefined && request.headers['x-vault-namespace'] !== namespace;
    const noRoute: Answer = {
      status: 404,
      body: { errors: [`no handler for route "${path}". route entry not found.`] },
    };
    const login = /^auth\/([^/]+)\/login$/.exec(path);
    if (login !== null) return elsewhere ? noRoute : logIn(login[1]!, body);
    const id = String(request.headers['x-vault-token'] ?? '');
    const token = tokens.get(id);
    if (token === undefined || token.endsAt <= Date.now()) return refused;
    if (path === 'auth/token/lookup-self')
      return { status: 200, body: { data: { ttl: seconds(token), renewable: token.renewable ?? false } } };
    if (path === 'auth/token/renew-self') {
      if (!token.renewable) return bad('lease is not renewable');
      token.endsAt = Math.min(Date.now() + (token.ttlSeconds ?? 0) * 1000, token.lastAt);
      return { status: 200, body: asAuth(id, token) };
    }
    if (elsewhere) return noRoute;
    if (path === `sys/internal/ui/mounts/${mount}`)
      return { status: 200, body: { data: { type: 'kv', options: { version: String(version) } } } };
    if (path.startsWith('sys/')) return refused;
    if (!path.startsWith(`${mount}/`)) return noRoute;
    const exists = secrets.has(path.slice(mount.length + '/data/'.length));
    const ability: Ability =
      method === 'POST'
        ? exists
          ? 'update'
          : 'create'
        : method === 'GET'
          ? 'read'
          : method === 'LIST'
            ? 'list'
            : 'delete';
    const { policy } = token;
    const listed = method === 'LIST' ? `${path}/` : path;
    if (
      policy !== undefined &&
      !Object.entries(policy).some(([prefix, abilities]) => listed.startsWith(prefix) && abilities.includes(ability))
    )
      return byPolicy;
    return engine(method, path.slice(mount.length + 1), body);
  }

  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString('utf8');
    const url = new URL(request.url!, 'http://vault');
    const path = decodeURIComponent(url.pathname.replace(/^\/v1\//, ''));
    const method =
      url.searchParams.get('list') === 'true' ? 'LIST' : request.method === 'PUT' ? 'POST' : request.method!;
    vault.requests.push(`${method} ${path}`);
    if (vault.instead !== undefined) return vault.instead(request, response);
    const { status, body } = answer(method, path, request, JSON.parse(text || '{}'));
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(body === undefined ? undefined : JSON.stringify(body));
  };
  const server = tls === undefined ? createServer(handle) : createTlsServer(tls, handle);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  const vault: TestVault = {
    address: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    root: issue(),
    requests: [],
    issue,
    revoke: (token) => void tokens.delete(token),
    role(options) {
      const roleId = randomUUID();
      const secretId = randomUUID();
      roles.set(roleId, { mount: 'approle', ...options, secretId });
      return { roleId, secretId };
    },
    sealed: false,
    casRequired: false,
    instead: undefined,
    write: (path, fields) => void write(path, fields),
    softDelete,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
  return vault;
}
