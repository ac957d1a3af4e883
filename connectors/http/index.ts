// The web: public URLs, and any API with a base URL, authentication, headers and query of its own.
import { compressionOf } from '../../engine/compression.ts';
import {
  type ConnectorContext,
  defineConnector,
  type FileItem,
  type Request,
  type Value,
} from '../../engine/contracts.ts';
import { asFailure, Failure, failure } from '../../engine/errors.ts';
import type { HttpConfig } from '../../schemas/generated/types.ts';
import { jsonText } from '../shared/json-text.ts';
import { addQuery } from './address.ts';
import { wholeBody } from './body.ts';
import { type Answer, type Call, type Client, createClient } from './client.ts';
import { decoded, fetchFile, modifiedOf, sizeOf } from './file.ts';
import { upload } from './upload.ts';

/** Headers that the connection itself decides on. */
const ownHeaders = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
const withBody = new Set(['POST', 'PUT', 'PATCH']);

export const connector = defineConnector({
  name: 'http',
  capabilities: ['read', 'write', 'request', 'describe'],
  stores: 'files',

  open(config: Omit<HttpConfig, 'connector'>, context) {
    const client = createClient(config, context);
    const { addresses } = client;
    const shownOf = (path: string) =>
      config.base_url === undefined || path.includes('://') ? path : `/${context.name}/${path.replace(/^\/+/, '')}`;

    return {
      /** Any path is one file. */
      async read(path, { signal }) {
        signal.throwIfAborted();
        const file = await fetchFile(client, addresses.at(path), shownOf(path), context, { signal });
        return { kind: 'files', files: only(file) };
      },

      /** One file as the body of a PUT, or of the connection's own method where that takes a body. */
      async write(path, stream, o) {
        if (stream.kind === 'rows')
          throw failure('BUG', { reason: 'rows reached the http connector without a format' });
        if (o.mode === 'append' || o.mode === 'upsert') {
          throw failure('OPTION_UNSUPPORTED', {
            what: `\`mode: ${o.mode}\``,
            where: 'HTTP',
            hint: '; use replace or create',
          });
        }
        o.signal.throwIfAborted();
        const target = {
          method: config.method !== undefined && withBody.has(config.method) ? config.method : 'PUT',
          url: addresses.at(path),
          shown: shownOf(path),
        };
        if (o.mode === 'create' && (await isThere(client, target.url, context, o.signal))) {
          throw failure('TARGET_EXISTS', { path: target.shown });
        }
        return upload(client, target, stream, o, context);
      },

      async request(request, { signal }) {
        signal.throwIfAborted();
        const call: Call = { ...callOf(request, client, config), signal };
        const ask = (more: Record<string, string>) =>
          client.exchange({ ...call, headers: { ...call.headers, ...more }, statuses: more.range ? [416] : [] });
        const answer = await context.retry(() => client.exchange(call), { signal });
        const { status, headers } = answer;
        const shown = answer.url.href;
        if (call.method === 'HEAD') {
          answer.drop();
          return { status, headers, url: shown, body: nothing() };
        }
        const encoded = compressionOf({ path: '', contentEncoding: headers['content-encoding'] ?? '' });
        const source =
          call.method === 'GET' && status === 200 ? { ask, retry: context.retry } : { retry: context.retry };
        const body = decoded((o) => wholeBody(source, answer, undefined, o), encoded, shown, signal);
        return { status, headers, url: shown, body };
      },

      async describe(path, { signal }) {
        signal.throwIfAborted();
        const answer = await look(client, addresses.at(path), context, signal);
        const contentType = answer.headers['content-type'];
        return {
          kind: 'file',
          ...sizeOf(answer),
          ...modifiedOf(answer),
          ...(contentType === undefined ? {} : { contentType }),
        };
      },

      /** With a `verify_path`, that it answers with success; without, that the server answers at all and takes the credential. */
      async verify({ signal }) {
        signal.throwIfAborted();
        if (config.base_url === undefined) return { ok: true };
        try {
          await look(client, addresses.at(config.verify_path ?? ''), context, signal);
          return { ok: true };
        } catch (error) {
          if (signal.aborted) throw signal.reason;
          const { code, message } = asFailure(error, context.name);
          const answers = code === 'NOT_FOUND' || code === 'HTTP_STATUS';
          return answers && config.verify_path === undefined ? { ok: true } : { ok: false, code, reason: message };
        }
      },

      close: () => client.close(),
    };
  },
});

async function* only(file: FileItem): AsyncGenerator<FileItem> {
  yield file;
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

/** What a HEAD answers, or a GET where the server has no HEAD. */
async function look(client: Client, url: URL, { retry }: ConnectorContext, signal: AbortSignal): Promise<Answer> {
  const ask = (method: string, statuses: number[] = []) =>
    client.exchange({ method, url, headers: { 'accept-encoding': 'identity' }, statuses, signal });
  const answer = await retry(() => ask('HEAD', [405, 501]), { signal });
  answer.drop();
  if (answer.status < 300) return answer;
  const whole = await retry(() => ask('GET'), { signal });
  whole.drop();
  return whole;
}

async function isThere(client: Client, url: URL, context: ConnectorContext, signal: AbortSignal): Promise<boolean> {
  try {
    await look(client, url, context, signal);
    return true;
  } catch (error) {
    if (error instanceof Failure && error.code === 'NOT_FOUND') return false;
    throw error;
  }
}

function callOf(request: Request, client: Client, config: Omit<HttpConfig, 'connector'>): Omit<Call, 'signal'> {
  const method = (request.method ?? config.method ?? (request.body === undefined ? 'GET' : 'POST')).toUpperCase();
  const url = client.addresses.at(request.url);
  addQuery(url, request.query);
  const headers: Record<string, string> = { 'accept-encoding': 'gzip, br' };
  for (const [name, value] of Object.entries(request.headers ?? {})) {
    const lower = name.toLowerCase();
    if (ownHeaders.has(lower) || lower === client.credentialHeader) {
      const why =
        lower === client.credentialHeader
          ? 'a request whose connection sets it'
          : 'a request: the connection decides on it';
      throw failure('OPTION_UNSUPPORTED', { what: `the header "${name}"`, where: why });
    }
    headers[lower] = value;
  }
  const { statuses } = request;
  const body = bodyOf(request.body, method, config.data as Record<string, Value> | undefined);
  if (body === undefined) return { method, url, headers, ...(statuses ? { statuses } : {}) };
  headers['content-type'] ??= body.contentType;
  return { method, url, headers, body: body.bytes, ...(statuses ? { statuses } : {}) };
}

/** Fields of an object go over the connection's own `data`. */
function bodyOf(body: Value | undefined, method: string, data: Record<string, Value> | undefined) {
  if (body instanceof Uint8Array) return { bytes: body, contentType: 'application/octet-stream' };
  if (typeof body === 'string') return { bytes: Buffer.from(body), contentType: 'text/plain; charset=utf-8' };
  const merged = body === undefined && withBody.has(method) ? data : isFields(body) ? { ...data, ...body } : body;
  return merged === undefined ? undefined : { bytes: Buffer.from(jsonText(merged)), contentType: 'application/json' };
}

function isFields(value: Value | undefined): value is Record<string, Value> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
