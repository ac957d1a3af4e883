// Answers from cassettes in place of the network: each recorded exchange once, in the order of those that are alike.
import type { Wire, WireRequest } from '../contracts/http.ts';
import { failure } from '../errors.ts';
import { shownPath } from '../shown-path.ts';
import { cassetteFile, type Exchange, readCassette } from './cassette.ts';
import { bodyBytes, namingOf, shapedRequest } from './shape.ts';

export interface Player {
  /** Whether anything of the connection was recorded. */
  has(connection: string): Promise<boolean>;
  wire(connection: string): Wire;
  /** What was recorded and not asked for, as `GET {{my-github}}/user`. */
  unused(): { file: string; request: string }[];
}

interface Tape {
  exchange: Exchange;
  key: string;
  used: boolean;
}

/** `redact`: takes the same secrets out of requests as were taken out of those that were recorded. */
export function createPlayer(folder: string, redact: (text: string) => string): Player {
  const tapes = new Map<string, Promise<Tape[] | undefined>>();
  const loaded = new Map<string, Tape[]>();

  const tapesOf = (connection: string): Promise<Tape[] | undefined> => {
    let reading = tapes.get(connection);
    if (reading === undefined) {
      reading = readCassette(folder, connection).then((exchanges) => {
        const found = exchanges?.map((exchange) => ({ exchange, key: keyOf(exchange.request), used: false }));
        if (found !== undefined) loaded.set(connection, found);
        return found;
      });
      tapes.set(connection, reading);
    }
    return reading;
  };

  const unmatched = (connection: string, asked: Exchange['request'], found: readonly Tape[]) => {
    const file = shownPath(cassetteFile(folder, connection));
    return failure('CASSETTE_UNMATCHED', { request: shown(asked), file, hint: nearestHint(asked, found) });
  };

  return {
    has: async (connection) => (await tapesOf(connection)) !== undefined,

    wire: (connection) => ({
      offline: true,
      async send(request) {
        const naming = namingOf(connection, request.base);
        const asked = shapedRequest(request, await wholeOf(request.body), naming, redact);
        request.signal.throwIfAborted();
        const found = (await tapesOf(connection)) ?? [];
        const key = keyOf(asked);
        const tape = found.find((each) => !each.used && each.key === key);
        if (tape === undefined) throw unmatched(connection, asked, found);
        tape.used = true;
        const { status, headers = {} } = tape.exchange.answer;
        const bytes = bodyBytes(tape.exchange.answer, naming);
        return {
          status,
          headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, naming.plain(value)])),
          body: once(bytes),
          drop() {},
        };
      },
    }),

    unused: () =>
      [...loaded].flatMap(([connection, found]) =>
        found.flatMap(({ exchange, used }) =>
          used ? [] : [{ file: shownPath(cassetteFile(folder, connection)), request: shown(exchange.request) }],
        ),
      ),
  };
}

function keyOf({ method, url, range, json, text, base64 }: Exchange['request']): string {
  return JSON.stringify([method, url, range, json, text, base64]);
}

function shown({ method, url }: Exchange['request']): string {
  return `${method} ${url}`;
}

async function wholeOf(body: WireRequest['body']): Promise<Uint8Array> {
  if (body === undefined) return new Uint8Array();
  if (body instanceof Uint8Array) return body;
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  if (bytes.length > 0) yield bytes;
}

/** The recorded request that differs least, and in what. */
function nearestHint(asked: Exchange['request'], found: readonly Tape[]): string {
  const same = found.filter(({ key }) => key === keyOf(asked)).length;
  if (same > 0) return `; it was recorded ${same === 1 ? 'once' : `${same} times`}, and is asked for once more`;
  const [nearest] = found
    .map(({ exchange: { request } }) => ({ request, differences: differencesOf(request, asked) }))
    .sort((a, b) => a.differences.length - b.differences.length);
  if (nearest === undefined) return '; nothing is recorded there';
  return `; the nearest is ${shown(nearest.request)}: ${nearest.differences.slice(0, 3).join('; ')}`;
}

function differencesOf(recorded: Exchange['request'], asked: Exchange['request']): string[] {
  const differences: string[] = [];
  const [path = '', query = ''] = recorded.url.split(/\?(.*)/s);
  const [askedPath = '', askedQuery = ''] = asked.url.split(/\?(.*)/s);
  if (recorded.method !== asked.method) differences.push('another method');
  if (path !== askedPath) {
    const parts = path.split('/');
    const others = askedPath.split('/');
    for (let i = 0; i < Math.max(parts.length, others.length); i++)
      if (parts[i] !== others[i]) differences.push(`"${parts[i] ?? ''}" in the path and not "${others[i] ?? ''}"`);
  }
  const [params, askedParams] = [new URLSearchParams(query), new URLSearchParams(askedQuery)];
  for (const name of new Set([...params.keys(), ...askedParams.keys()])) {
    const [one, other] = [params.getAll(name).join(), askedParams.getAll(name).join()];
    if (one !== other)
      differences.push(
        !askedParams.has(name)
          ? `${name} is not asked for`
          : !params.has(name)
            ? `${name} was not recorded`
            : `${name} is "${one}" there and "${other}" here`,
      );
  }
  if (recorded.range !== asked.range) differences.push('another range of bytes');
  const body = ({ json, text, base64 }: Exchange['request']) => JSON.stringify([json, text, base64]);
  if (body(recorded) !== body(asked)) differences.push('another body');
  return differences;
}
