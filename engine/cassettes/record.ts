// Records what the connections of a run say over HTTP, and writes it as cassettes when the run has ended.
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { type Compression, compressionOf, decompress } from '../compression.ts';
import type { Wire, WireAnswer, WireRequest } from '../contracts/http.ts';
import { asFailure, failure } from '../errors.ts';
import type { Redactor } from '../redact.ts';
import { shownPath } from '../shown-path.ts';
import { cassetteFile, cassetteText, type Exchange } from './cassette.ts';
import { keptHeaders, masked, namingOf, shapedBody, shapedRequest } from './shape.ts';

/** All of it is held until the run ends, so that a secret that is learned late is taken out too. */
const mostBytes = 64 * 1024 * 1024;

interface Recorded {
  connection: string;
  request: Pick<WireRequest, 'method' | 'plain' | 'base' | 'headers'>;
  sent: Uint8Array[];
  status: number;
  headers: Record<string, string>;
  received: Uint8Array[];
  /** Whether all of the answer was read, or nobody wanted it. */
  whole: boolean;
}

export interface Recorder {
  wire(connection: string): Wire;
  /** One file for each connection that was used. Throws CASSETTE_TOO_LARGE, CASSETTE_UNSAFE; then nothing is written. */
  write(): Promise<{ files: string[]; left: number }>;
}

export function createRecorder(folder: string, redactor: Redactor): Recorder {
  const all: Recorded[] = [];
  let bytes = 0;
  const keep = (chunks: Uint8Array[], chunk: Uint8Array) => {
    bytes += chunk.length;
    if (bytes <= mostBytes) chunks.push(Uint8Array.from(chunk));
  };

  return {
    wire: (connection) => ({
      offline: false,
      async send(request, network) {
        const { method, plain, base, headers } = request;
        const recorded: Recorded = {
          connection,
          request: { method, plain, base, headers },
          sent: [],
          status: 0,
          headers: {},
          received: [],
          whole: false,
        };
        // In the order in which they were asked.
        all.push(recorded);
        const passed = { ...request, headers: { ...headers, ...(headers['accept-encoding'] && plainEncoding) } };
        if (request.body instanceof Uint8Array) keep(recorded.sent, request.body);
        else if (request.body !== undefined) passed.body = noted(request.body, (chunk) => keep(recorded.sent, chunk));
        const answer = await network(passed);
        Object.assign(recorded, { status: answer.status, headers: answer.headers });
        return heard(answer, recorded, keep);
      },
    }),

    async write() {
      if (bytes > mostBytes) {
        throw failure('CASSETTE_TOO_LARGE', { folder: shownPath(folder), mib: mostBytes / 1024 / 1024 });
      }
      const whole = all.filter((each) => each.whole);
      // Secrets that answers hold are known before the first of them is written.
      for (const { sent, received } of whole)
        for (const chunks of [sent, received])
          masked(Buffer.concat(chunks).toString('latin1'), (secret) => redactor.add(secret));
      const byConnection = new Map<string, Exchange[]>();
      for (const each of whole) {
        const exchanges = byConnection.get(each.connection) ?? [];
        // In what is packed nothing can be taken out.
        for (const body of [Buffer.concat(each.sent), await decoded(each)])
          if (await hidesSecret(body, redactor.redact))
            throw failure('CASSETTE_UNSAFE', { file: shownPath(cassetteFile(folder, each.connection)) });
        byConnection.set(each.connection, [...exchanges, await exchangeOf(each, redactor)]);
      }
      const texts = [...byConnection].map(([connection, exchanges]) => {
        const file = cassetteFile(folder, connection);
        const text = cassetteText(connection, exchanges);
        if (redactor.redact(text) !== text) throw failure('CASSETTE_UNSAFE', { file: shownPath(file) });
        return { file, text };
      });
      try {
        await mkdir(folder, { recursive: true });
        for (const { file, text } of texts) {
          await rm(`${file}.new`, { force: true });
          await writeFile(`${file}.new`, text, { mode: 0o600, flag: 'wx' });
          await rename(`${file}.new`, file);
        }
      } catch (error) {
        throw asFailure(error, shownPath(folder));
      }
      return { files: texts.map(({ file }) => shownPath(file)), left: all.length - whole.length };
    },
  };
}

/** Answers are asked for as they are: what is compressed cannot be reviewed. */
const plainEncoding = { 'accept-encoding': 'identity' };

async function exchangeOf({ connection, request, sent, ...answer }: Recorded, { redact }: Redactor): Promise<Exchange> {
  const naming = namingOf(connection, request.base);
  const shape = (text: string) => redact(masked(naming.named(text)));
  const headers = keptHeaders(answer.headers, shape);
  return {
    request: shapedRequest(request, Buffer.concat(sent), naming, redact),
    answer: {
      status: answer.status,
      ...(Object.keys(headers).length === 0 ? {} : { headers }),
      ...shapedBody(await decoded(answer), shape),
    },
  };
}

async function hidesSecret(bytes: Uint8Array, redact: (text: string) => string): Promise<boolean> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return false;
  try {
    const text = (await unpacked(bytes, ['gzip'])).toString('latin1');
    return redact(text) !== text;
  } catch {
    // It only begins like gzip.
    return false;
  }
}

async function decoded({ headers, received }: Pick<Recorded, 'headers' | 'received'>): Promise<Uint8Array> {
  const all = Buffer.concat(received);
  const compressions = compressionOf({ path: '', contentEncoding: headers['content-encoding'] ?? '' });
  return compressions.length === 0 || all.length === 0 ? all : unpacked(all, compressions);
}

async function unpacked(bytes: Uint8Array, compressions: Compression[]): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  const signal = new AbortController().signal;
  for await (const chunk of decompress(once(bytes), compressions, { path: 'the answer', signal })) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function* once(chunk: Uint8Array): AsyncGenerator<Uint8Array> {
  yield chunk;
}

async function* noted(body: AsyncIterable<Uint8Array>, see: (chunk: Uint8Array) => void): AsyncGenerator<Uint8Array> {
  for await (const chunk of body) {
    see(chunk);
    yield chunk;
  }
}

/** The answer, whose body is kept while it is read. One that nobody reads counts as empty. */
function heard(
  answer: WireAnswer,
  recorded: Recorded,
  keep: (chunks: Uint8Array[], chunk: Uint8Array) => void,
): WireAnswer {
  async function* body(): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of answer.body) {
        keep(recorded.received, chunk);
        yield chunk;
      }
      recorded.whole = true;
    } finally {
      // Of a refusal no more than its beginning is ever read.
      if (answer.status >= 400) recorded.whole = true;
    }
  }
  return {
    ...answer,
    body: body(),
    drop() {
      if (recorded.received.length === 0) recorded.whole = true;
      answer.drop();
    },
  };
}
