// One HTTP exchange: connection, credential, redirects, and failures for answers that are none. Nothing is repeated here but a 401.
import { readFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { Agent, Dispatcher } from 'undici';
import type { ConnectorContext } from '../../../engine/contracts/connector.ts';
import type { WireAnswer, WireRequest } from '../../../engine/contracts/http.ts';
import { durationMs } from '../../../engine/duration.ts';
import { asFailure, type Failure, failure } from '../../../engine/errors.ts';
import type { HttpConfig } from '../../../schemas/generated/types.ts';
import { createGate } from '../pool.ts';
import type { Access } from './access.ts';
import { type Addresses, createAddresses } from './address.ts';
import { createAgent } from './agent.ts';
import { final, networkFailure, type Refusal, statusFailure, type Timeouts } from './failures.ts';
import { type Rate, type RateLimit, sharedRate } from './rate.ts';
import { isRedirect, nextAddress } from './redirect.ts';

export interface Call {
  method: string;
  url: URL;
  /** By lower-case name. */
  headers?: Record<string, string>;
  /** A stream can be sent once, so that nothing is repeated once it was begun. */
  body?: Uint8Array | AsyncIterable<Uint8Array>;
  /** Statuses that are an answer besides 200 to 299. */
  statuses?: readonly number[];
  /** It only reads, whatever its method says: it may be sent again. */
  reads?: boolean;
  signal: AbortSignal;
}

export interface Answer {
  status: number;
  /** By lower-case name; several of one name are joined by a comma. */
  headers: Record<string, string>;
  /** After redirects. */
  url: URL;
  /** As it comes. Errors of its iteration are failures; it must be read or ended. */
  body: AsyncIterable<Uint8Array>;
  /** Ends the connection where the body was not read. */
  drop(): void;
}

export interface Client {
  readonly addresses: Addresses;
  /** The header that the credential goes into, in lower case. */
  readonly credentialHeader: string | undefined;
  /** Rejects with a failure that says whether the same call may be made again. */
  exchange(call: Call): Promise<Answer>;
  close(): Promise<void>;
}

/** The headers that go to any host. Everything else is the connection's or the pipe's, and only for the own hosts. */
const neutral = new Set(['accept', 'accept-encoding', 'user-agent', 'range', 'if-range']);
const repeatable = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);
const excerptBytes = 4096;

export interface ClientOptions
  extends Pick<
    HttpConfig,
    'base_url' | 'allowed_hosts' | 'headers' | 'query' | 'concurrency' | 'connect_timeout' | 'read_timeout' | 'ca'
  > {
  access: Access;
  rate?: RateLimit | undefined;
  /** What an answer is that is no success, where the service has its own way to say it. */
  refusal?(refusal: Refusal): Failure;
}

export function createClient(config: ClientOptions, context: ConnectorContext): Client {
  const { access, refusal: failureOf = statusFailure } = config;
  const { wire } = context;
  const addresses = createAddresses(context.name, config);
  const gate = createGate(config.concurrency ?? 8);
  const timeouts: Timeouts = {
    connectMs: durationMs(config.connect_timeout ?? '10s'),
    readMs: durationMs(config.read_timeout ?? '60s'),
  };
  const carried = config.headers ?? config.query ?? (access.kind === 'none' ? undefined : access.kind);
  if (!addresses.bound && carried !== undefined) {
    const hint = '; say with base_url or allowed_hosts which hosts may get them';
    throw failure('OPTION_UNSUPPORTED', {
      what: 'a credential, header or query',
      where: `${context.name} without a host`,
      hint,
    });
  }
  const rate: Rate | undefined =
    config.rate && sharedRate(`${context.name} ${config.base_url ?? config.allowed_hosts?.join(' ')}`, config.rate);
  let agent: Promise<Agent> | undefined;
  const unread = new Set<Readable>();
  const openAgent = async () => {
    const ca = config.ca === undefined ? {} : { ca: await readAuthority(config.ca) };
    return createAgent({
      connect: { timeout: timeouts.connectMs, ...ca },
      headersTimeout: timeouts.readMs,
      bodyTimeout: timeouts.readMs,
      pipelining: 1,
    });
  };

  const network = async ({ method, url, headers, body, signal }: WireRequest): Promise<WireAnswer> => {
    agent ??= openAgent();
    const response = await (await agent).request({
      origin: url.origin,
      path: url.pathname + url.search,
      method: method as Dispatcher.HttpMethod,
      headers,
      signal,
      ...(body === undefined ? {} : { body: body as Uint8Array }),
    });
    const { body: incoming } = response;
    // Ending a body early makes it emit an error that nobody waits for.
    incoming.on('error', () => {});
    unread.add(incoming);
    incoming.once('close', () => unread.delete(incoming));
    const received = joined(response.headers);
    rate?.heard(received);
    return { status: response.statusCode, headers: received, body: incoming, drop: () => incoming.destroy() };
  };

  /** One request, one answer, whatever it says. `plain` is the address without a credential in it. */
  const send = async (
    { method, body, signal }: Call,
    url: URL,
    plain: URL,
    headers: Record<string, string>,
  ): Promise<Answer> => {
    const leave = await gate.enter();
    try {
      if (wire?.offline !== true) await rate?.turn(signal);
      signal.throwIfAborted();
      const request = { method, url, plain, base: config.base_url, headers, signal, ...(body && { body }) };
      const answer = await (wire === undefined ? network(request) : wire.send(request, network));
      return { ...answer, url: plain, body: checked(answer.body, plain, timeouts, signal) };
    } finally {
      leave();
    }
  };

  return {
    addresses,
    credentialHeader: access.header,

    async exchange(call) {
      const { method, signal, statuses } = call;
      const once = call.body !== undefined && !(call.body instanceof Uint8Array);
      const repeats = call.reads === true || repeatable.has(method);
      const visited = [call.url];
      let renewed = false;
      for (;;) {
        const plain = visited.at(-1)!;
        const url = new URL(plain);
        const own = addresses.owns(url);
        const headers: Record<string, string> = { 'user-agent': 'pipewright', accept: '*/*' };
        if (own) for (const [name, value] of Object.entries(config.headers ?? {})) headers[name.toLowerCase()] = value;
        for (const [name, value] of Object.entries(call.headers ?? {})) {
          if (own || url.host === call.url.host || neutral.has(name)) headers[name] = value;
        }
        const signed = own ? await access.sign(url, headers, { signal }) : access.strip(url);
        const answer = await send(call, url, plain, headers).catch((error: unknown) => {
          if (signal.aborted) throw signal.reason;
          const network = networkFailure(error, plain, timeouts);
          throw network.reached && !(repeats && !once) ? final(network.failure) : network.failure;
        });
        const { status } = answer;
        if ((status >= 200 && status < 300) || statuses?.includes(status)) return answer;
        if (isRedirect(status)) {
          answer.drop();
          visited.push(nextAddress(method, visited, answer.headers.location, addresses));
          continue;
        }
        const excerpt = await beginning(answer);
        if (signal.aborted) throw signal.reason;
        if (status === 401 && !renewed && !once && access.renew(signed)) {
          renewed = true;
          continue;
        }
        const refusal = failureOf({
          method,
          url: plain,
          status,
          headers: answer.headers,
          excerpt,
          connection: own ? context.name : undefined,
        });
        const askedToRepeat = (status === 429 || status === 503) && refusal.afterMs !== undefined;
        throw once || !(repeats || askedToRepeat) ? final(refusal) : refusal;
      }
    },

    async close() {
      for (const body of unread) body.destroy();
      await (await agent?.catch(() => undefined))?.destroy();
    },
  };
}

async function* checked(
  body: AsyncIterable<Uint8Array>,
  url: URL,
  timeouts: Timeouts,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    throw signal.aborted ? signal.reason : networkFailure(error, url, timeouts).failure;
  }
}

/** Enough of the body to say what is wrong; the connection goes on when that was all of it. */
export async function beginning(answer: Answer): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of answer.body) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= excerptBytes) break;
    }
  } catch {
    // What is wrong is told by the status too.
  }
  return Buffer.concat(chunks).toString();
}

function joined(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  const plain: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) plain[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return plain;
}

async function readAuthority(path: string): Promise<Buffer> {
  return readFile(path).catch((error: unknown) => {
    throw asFailure(error, path);
  });
}
