// Calls of the Dropbox API: metadata by the SDK, bytes as its HTTP documentation says ("Request and response formats"); what a refusal is.
import type { Dropbox, DropboxAuth, DropboxResponse } from 'dropbox';
import type { CallOptions, ConnectorContext } from '../../engine/contracts/connector.ts';
import type { Value } from '../../engine/contracts/data.ts';
import type { OAuth } from '../../engine/contracts/http.ts';
import { type Failure, failure } from '../../engine/errors.ts';
import type { DropboxConfig } from '../../schemas/generated/types.ts';
import type { Access } from '../shared/http/access.ts';
import { type Answer, createClient } from '../shared/http/client.ts';
import { jsonText } from '../shared/json-text.ts';
import { createTokens } from '../shared/oauth.ts';
import { tokenRefusal } from './token-refusal.ts';

export type Config = Omit<DropboxConfig, 'connector'>;

export interface Refused {
  /** `path/not_found/..`: the tags on the way to what is wrong, with dots at the end. */
  summary: string;
  /** The union itself, for what the summary does not say. */
  error: Value;
}

export interface RpcOptions extends CallOptions {
  /** The same call twice does nothing more than once. */
  repeatable?: boolean;
}

export interface Call extends RpcOptions {
  arguments: Value;
  headers?: Record<string, string>;
}

export type Request<T> = (dropbox: Dropbox) => Promise<DropboxResponse<T>>;

export interface Api {
  /** JSON in, JSON out: one method of the SDK. */
  rpc<T>(request: Request<T>, o: RpcOptions): Promise<T | { refused: Refused }>;
  /** Bytes in, JSON out. */
  send<T>(endpoint: string, call: Call, body: Uint8Array): Promise<T | { refused: Refused }>;
  /** Bytes out. Tried once. */
  fetch(endpoint: string, call: Call): Promise<Answer | { refused: Refused }>;
  close(): Promise<void>;
}

/** Whose files are meant, and below which space; what the SDK calls them. */
interface View {
  selectUser?: string;
  pathRoot?: string;
}

/** What the SDK gives its `fetch`. */
interface SdkRequest {
  headers: Record<string, string>;
  body: string | null;
}

/**
 * In place of the SDK's own tokens, which it renews without a word: the client signs, so that one token is kept for all
 * processes and a refused one is renewed.
 */
const unsigned = {
  checkAndRefreshAccessToken: async () => {},
  getAccessToken: () => '',
} as unknown as DropboxAuth;

export function oauthOf(config: Config): OAuth {
  const { api } = hosts(config);
  return {
    flow: 'authorization_code',
    clientId: config.client_id,
    tokenUrl: `${api}/oauth2/token`,
    authorizeUrl: 'https://www.dropbox.com/oauth2/authorize',
    deviceUrl: undefined,
    scopes: [],
    scopeSeparator: ' ',
    pkce: true,
    clientAuth: 'body',
    // Without it there is no refresh token.
    authorizeParams: { token_access_type: 'offline' },
  };
}

export function createApi(config: Config, context: ConnectorContext): Api {
  const { api, content } = hosts(config);
  if (config.base_url !== undefined && !/^https:/i.test(api) && !isLoopback(new URL(api).hostname)) {
    const reason = `${context.name}: its \`base_url\` must begin with https://, or be on this machine`;
    throw failure('CONNECTION_INVALID', { reason });
  }
  const client = createClient(
    {
      ...(config.base_url === undefined
        ? { allowed_hosts: ['api.dropboxapi.com', 'content.dropboxapi.com'] }
        : { base_url: config.base_url }),
      access: accessOf(config, context),
      refusal: tokenRefusal,
    },
    context,
  );
  let pathRoot: Promise<string> | undefined;

  /** "Path Root Header Modes": the space of the team has a number of its own. */
  const seen = async ({ signal }: CallOptions): Promise<View> => {
    const member: View = config.member_id === undefined ? {} : { selectUser: config.member_id };
    if (config.team_space !== true) return member;
    pathRoot ??= rootNamespace(member, { signal });
    const root = await pathRoot.catch((error: unknown) => {
      pathRoot = undefined;
      throw error;
    });
    return { ...member, pathRoot: headerJson({ '.tag': 'root', root }) };
  };
  const rootNamespace = async (view: View, { signal }: CallOptions): Promise<string> => {
    const once = () => bySdk((dropbox) => dropbox.usersGetCurrentAccount(), view, { repeatable: true, signal });
    const account = accepted(await context.retry(once, { signal }), `/${context.name}`);
    return account.root_info.root_namespace_id;
  };
  /** The SDK knows no signal, so that each call has an instance of its own, whose `fetch` knows it. */
  const bySdk = async <T>(request: Request<T>, view: View, o: RpcOptions): Promise<T | { refused: Refused }> => {
    const { Dropbox, DropboxResponseError } = await import('dropbox');
    const { signal, repeatable: reads = false } = o;
    let url = new URL(api);
    const fetch = async (address: string, { headers, body }: SdkRequest) => {
      url = new URL(`${api}${new URL(address).pathname}`);
      const request = { method: 'POST', url, headers: lowerCase(headers), reads, signal, statuses: [409] };
      const answer = await client.exchange(body === null ? request : { ...request, body: Buffer.from(body) });
      const { status } = answer;
      return { ok: status !== 409, status, headers: answer.headers, text: () => textOf(answer) };
    };
    // The SDK gives the text where it is not JSON.
    const checked = <B>(status: number, body: B): B => {
      if (typeof body === 'string') throw notJson(url, status);
      return body;
    };
    try {
      const { status, result } = await request(new Dropbox({ ...view, auth: unsigned, fetch }));
      return checked(status, result);
    } catch (error) {
      if (!(error instanceof DropboxResponseError)) throw error;
      return { refused: refusedBy(checked(error.status, error.error as Value)) };
    }
  };
  const ask = async (endpoint: string, call: Call, type: Record<string, string>, body?: Uint8Array) => {
    const { signal, repeatable: reads = false } = call;
    const { selectUser, pathRoot } = await seen({ signal });
    const headers = {
      ...type,
      'dropbox-api-arg': headerJson(call.arguments),
      ...call.headers,
      ...(selectUser === undefined ? {} : { 'dropbox-api-select-user': selectUser }),
      ...(pathRoot === undefined ? {} : { 'dropbox-api-path-root': pathRoot }),
    };
    const url = new URL(`${content}/2/${endpoint}`);
    const request = { method: 'POST', url, headers, reads, signal, statuses: [409] };
    return client.exchange(body === undefined ? request : { ...request, body });
  };

  return {
    rpc: (request, o) => context.retry(async () => bySdk(request, await seen(o), o), o),
    send: (endpoint, call, body) => {
      const once = async () => {
        const answer = await ask(endpoint, call, { 'content-type': 'application/octet-stream' }, body);
        const said = await json(answer);
        if (answer.status !== 409) return said as never;
        const refused = refusedBy(said);
        if (mayPass(refused)) throw refusal(refused, answer.url.href);
        return { refused };
      };
      return context.retry(once, call);
    },
    async fetch(endpoint, call) {
      const answer = await ask(endpoint, { ...call, repeatable: true }, { 'accept-encoding': 'identity' });
      return answer.status === 409 ? { refused: refusedBy(await json(answer)) } : answer;
    },
    close: () => client.close(),
  };
}

function hosts({ base_url: base }: Config): { api: string; content: string } {
  if (base === undefined) return { api: 'https://api.dropboxapi.com', content: 'https://content.dropboxapi.com' };
  const plain = base.replace(/\/+$/, '');
  return { api: plain, content: plain };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127\./.test(host);
}

function accessOf(config: Config, context: ConnectorContext): Access {
  const tokens = createTokens(oauthOf(config), context);
  return {
    kind: 'oauth2',
    header: 'authorization',
    async sign(_, headers, o) {
      const token = await tokens.token(o);
      headers.authorization = `Bearer ${token}`;
      return { token };
    },
    strip: () => undefined,
    renew(refused) {
      if (refused === undefined || !('token' in refused)) return false;
      tokens.refused(refused.token);
      return true;
    },
  };
}

function lowerCase(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

/** Headers carry ASCII only ("JSON encoding"). */
function headerJson(value: Value): string {
  return jsonText(value).replace(/[\x7f-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

async function textOf(answer: Answer): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of answer.body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function json(answer: Answer): Promise<Value> {
  const text = await textOf(answer);
  if (text === '') return null;
  try {
    return JSON.parse(text) as Value;
  } catch (error) {
    throw notJson(answer.url, answer.status, error);
  }
}

function notJson(url: URL, status: number, cause?: unknown): Failure {
  const data = { method: 'POST', url: url.href, status, reason: ', and its body is not JSON' };
  return failure('HTTP_STATUS', data, { cause });
}

function refusedBy(body: Value): Refused {
  const { error_summary: summary = '', error = null } = (body ?? {}) as { error_summary?: string; error?: Value };
  return { summary, error };
}

export function isRefused(answer: unknown): answer is { refused: Refused } {
  return typeof answer === 'object' && answer !== null && 'refused' in answer;
}

/** What the answer is, or its refusal as a failure about the path. */
export function accepted<T>(answer: T | { refused: Refused }, shown: string): T {
  if (isRefused(answer)) throw refusal(answer.refused, shown);
  return answer;
}

const busy = ['too_many_write_operations', 'too_many_requests', 'internal_error'];

function mayPass({ summary }: Refused): boolean {
  return summary.split('/').some((tag) => tag === 'content_hash_mismatch' || busy.includes(tag));
}

/** Dropbox answers 409 for all that is wrong with what was asked for; the summary says what. */
export function refusal({ summary }: Refused, path: string): Failure {
  const has = (tag: string) => summary.split('/').includes(tag);
  const said = summary.replace(/\/\.*$/, '');
  if (has('not_found')) return failure('NOT_FOUND', { path });
  if (has('not_file')) return failure('FILE_IS_FOLDER', { path });
  if (has('conflict') && has('folder')) return failure('FILE_IS_FOLDER', { path });
  if (has('file_ancestor')) {
    return failure('PATH_INVALID', { path, reason: 'goes through a file as if it were a folder' });
  }
  if (has('conflict')) return failure('TARGET_EXISTS', { path });
  if (has('not_folder')) return failure('PATH_INVALID', { path, reason: 'is a file, not a folder' });
  if (has('malformed_path') || has('disallowed_name')) {
    return failure('PATH_INVALID', { path, reason: 'has a name that Dropbox does not allow' });
  }
  if (
    ['no_write_permission', 'no_permission', 'restricted_content', 'team_folder', 'locked', 'access_denied'].some(has)
  ) {
    return failure('PERMISSION_DENIED', { path, hint: ` (${said})` });
  }
  if (has('insufficient_space') || has('insufficient_quota')) {
    return failure('IO_FAILED', { path, reason: 'there is no space left in the Dropbox' });
  }
  if (has('content_hash_mismatch')) {
    return failure('CHECKSUM_MISMATCH', { path, what: 'on the way to Dropbox' }, { retry: true });
  }
  if (busy.some(has)) {
    return failure('HTTP_BUSY', { method: 'POST', url: path, status: 409, reason: `: ${said}` });
  }
  return failure('IO_FAILED', { path, reason: `Dropbox refuses it: ${said || 'no reason was given'}` });
}
