// Any one call that a pipe asks for, with what the connection puts in, and the body of its answer.
import { compressionOf } from '../../../engine/compression.ts';
import type { CallOptions, ConnectorContext, Request, Response } from '../../../engine/contracts/connector.ts';
import type { Value } from '../../../engine/contracts/data.ts';
import { failure } from '../../../engine/errors.ts';
import { jsonText } from '../json-text.ts';
import { addQuery } from './address.ts';
import { wholeBody } from './body.ts';
import type { Call, Client } from './client.ts';
import { decoded } from './decoded.ts';

export interface RequestDefaults {
  /** The method of a request that names none. */
  method?: string;
  /** What the JSON body of every request with a body begins with. */
  data?: Record<string, unknown>;
}

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
/** Methods whose requests have a body. */
export const withBody = new Set(['POST', 'PUT', 'PATCH']);

export async function sendRequest(
  client: Client,
  context: ConnectorContext,
  request: Request,
  { signal }: CallOptions,
  defaults: RequestDefaults = {},
): Promise<Response> {
  signal.throwIfAborted();
  const call: Call = { ...callOf(request, client, defaults), signal };
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
  const source = call.method === 'GET' && status === 200 ? { ask, retry: context.retry } : { retry: context.retry };
  const body = decoded((o) => wholeBody(source, answer, undefined, o), encoded, shown, signal);
  return { status, headers, url: shown, body };
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

function callOf(request: Request, client: Client, { method: ownMethod, data }: RequestDefaults): Omit<Call, 'signal'> {
  const method = (request.method ?? ownMethod ?? (request.body === undefined ? 'GET' : 'POST')).toUpperCase();
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
  const body = bodyOf(request.body, method, data as Record<string, Value> | undefined);
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
