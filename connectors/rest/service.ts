// One service as a connection sees it: its manifest with the config put in, and calls that answer with JSON.
import { compressionOf } from '../../engine/compression.ts';
import type { CallOptions, ConnectorContext } from '../../engine/contracts/connector.ts';
import type { Value } from '../../engine/contracts/data.ts';
import { failure } from '../../engine/errors.ts';
import type { Manifest } from '../../schemas/generated/types.ts';
import { addQuery, shownUrl } from '../shared/http/address.ts';
import { type Client, createClient } from '../shared/http/client.ts';
import { decoded } from '../shared/http/decoded.ts';
import { jsonText } from '../shared/json-text.ts';
import { parseJson } from '../shared/json-value.ts';
import { chosenAuth, createAccess } from './access.ts';
import { bodyFailure, refusalOf } from './refusals.ts';
import { condition, filler } from './templates.ts';

export type Config = Record<string, Value>;

export interface JsonCall {
  method: string;
  /** Below the base URL, or a whole URL on one of the allowed hosts. */
  path: string;
  query?: Record<string, Value>;
  headers?: Record<string, string>;
  body?: Value;
  /** How the body is sent. */
  encoding?: 'json' | 'form';
  /** May be sent again, whatever its method says. */
  reads?: boolean;
}

export interface JsonAnswer {
  body: Value;
  headers: Record<string, string>;
  url: URL;
}

export interface Service {
  readonly name: string;
  readonly manifest: Manifest;
  /** The fields of the connection, with the defaults of the manifest. */
  readonly config: Config;
  readonly client: Client;
  /** How many requests may be under way at once. */
  readonly concurrency: number;
  /** Waits for the rate limit, tries again where that may help. Rejects with failures in the words of the service. */
  call(call: JsonCall, o: CallOptions): Promise<JsonAnswer>;
}

const standardConcurrency = 4;
/** A page beyond this is refused: it is held in memory. */
const mostBytes = 256 * 1024 * 1024;

export function openService(manifest: Manifest, given: Config, context: ConnectorContext): Service {
  const config = withDefaults(manifest, given);
  const scope = { config };
  const fill = <T extends Value>(value: T) => filler<T>(value, ['config'], `the manifest of ${manifest.name}`)(scope);
  const { rate_limit: rate, errors } = manifest;
  const concurrency = Number(config.concurrency ?? rate?.concurrent ?? standardConcurrency);
  const baseUrl = String(config.base_url ?? fill(manifest.base_url));
  const client = createClient(
    {
      base_url: baseUrl,
      allowed_hosts: config.base_url === undefined ? fill(manifest.allowed_hosts ?? []) : [],
      headers: fill(manifest.headers ?? {}),
      query: fill((manifest.query ?? {}) as Config),
      concurrency,
      ...(config.read_timeout === undefined ? {} : { read_timeout: String(config.read_timeout) }),
      ...(config.ca === undefined ? {} : { ca: String(config.ca) }),
      access: createAccess(chosenAuth(manifest, config.auth), config, context),
      refusal: refusalOf(manifest, context.name),
      rate: rate && {
        requests: rate.requests,
        per: rate.per,
        remainingHeader: rate.remaining_header?.toLowerCase(),
        resetHeader: rate.reset_header?.toLowerCase(),
      },
    },
    context,
  );
  const failed =
    errors?.failed === undefined ? undefined : condition(errors.failed, ['response'], `the errors of ${manifest.name}`);

  return {
    name: context.name,
    manifest,
    config,
    client,
    concurrency,

    call({ method, path, query, headers = {}, body, encoding = 'json', reads }, { signal }) {
      const url = client.addresses.at(path);
      addQuery(url, query);
      const sent = body === undefined ? undefined : Buffer.from(encoding === 'form' ? formText(body) : jsonText(body));
      return context.retry(
        async () => {
          const answer = await client.exchange({
            method,
            url,
            headers: {
              accept: 'application/json',
              'accept-encoding': 'gzip, br',
              ...(sent === undefined ? {} : { 'content-type': contentTypes[encoding] }),
              ...headers,
            },
            ...(sent === undefined ? {} : { body: sent }),
            ...(reads === true ? { reads } : {}),
            signal,
          });
          const text = await textOf(answer, method, signal);
          const shown = { method, url: shownUrl(answer.url) };
          const parsed = parsedBody(text, answer.headers, shown);
          const { status } = answer;
          if (failed?.({ response: { status, headers: answer.headers, body: parsed } })) {
            const refusal = {
              ...shown,
              url: answer.url,
              status,
              headers: answer.headers,
              excerpt: '',
              connection: context.name,
            };
            throw bodyFailure(manifest, context.name, refusal, parsed);
          }
          return { body: parsed, headers: answer.headers, url: answer.url };
        },
        { signal },
      );
    },
  };
}

const contentTypes = { json: 'application/json', form: 'application/x-www-form-urlencoded' };

/** Fields within fields are written `outer[inner]`, those of a list `outer[0]`; null leaves one out. */
function formText(body: Value): string {
  const form = new URLSearchParams();
  const add = (name: string, value: Value): void => {
    if (value === null) return;
    if (typeof value !== 'object' || value instanceof Uint8Array) {
      form.append(name, typeof value === 'object' ? Buffer.from(value).toString('base64') : String(value));
    } else {
      for (const [key, inner] of Object.entries(value)) add(name === '' ? key : `${name}[${key}]`, inner);
    }
  };
  add('', body);
  return form.toString();
}

async function textOf(
  answer: Awaited<ReturnType<Client['exchange']>>,
  method: string,
  signal: AbortSignal,
): Promise<string> {
  const shown = shownUrl(answer.url);
  const encoded = compressionOf({ path: '', contentEncoding: answer.headers['content-encoding'] ?? '' });
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of decoded(() => bytesOf(answer.body), encoded, shown, signal)) {
    bytes += chunk.length;
    if (bytes > mostBytes) {
      const reason = 'answers with more than 256 MiB at once; ask for smaller pages';
      throw failure('ANSWER_UNEXPECTED', { method, url: shown, reason });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

async function* bytesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* body;
}

/** Null where there is nothing, as after a DELETE. */
function parsedBody(text: string, headers: Record<string, string>, shown: { method: string; url: string }): Value {
  if (text.trim() === '') return null;
  try {
    return parseJson(text, 'the answer');
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const kind = headers['content-type']?.split(';')[0] ?? 'no content type';
    const excerpt = text.replace(/\s+/g, ' ').trim().slice(0, 100);
    const reason = `answered with ${kind} where JSON should be: ${excerpt}`;
    throw failure('ANSWER_UNEXPECTED', { ...shown, reason }, { cause: error });
  }
}

function withDefaults({ fields = {} }: Manifest, given: Config): Config {
  const config: Config = {};
  for (const [name, field] of Object.entries(fields)) {
    if (field.default !== undefined) config[name] = field.default as Value;
    else if (field.secret !== true) config[name] = null;
  }
  return { ...config, ...given };
}
