// A cassette: what one connection asked over HTTP and what it was answered, as a YAML file that people can review.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { failure } from '../errors.ts';
import { shownPath } from '../shown-path.ts';

export interface Exchange {
  request: {
    method: string;
    /** The connection's base URL is written as its name, `{{my-github}}`. */
    url: string;
    /** The range of bytes that was asked for. */
    range?: string;
  } & Body;
  answer: { status: number; headers?: Record<string, string> } & Body;
}

/** One of them; none for an empty body. `json` where it is the same value again when it is read. */
export interface Body {
  json?: unknown;
  text?: string;
  base64?: string;
}

interface Cassette {
  version: 1;
  connection: string;
  exchanges: Exchange[];
}

/** The file of a connection. What has no connection, a public URL, has a file that no alias can be called. */
export function cassetteFile(folder: string, connection: string): string {
  return join(folder, `${connection === '' ? '_public' : connection}.yaml`);
}

export function cassetteText(connection: string, exchanges: readonly Exchange[]): string {
  const cassette: Cassette = { version: 1, connection, exchanges: [...exchanges] };
  const head = '# Recorded by `pipe run --record`. Secrets are taken out; look it through before you share it.\n';
  return head + stringify(cassette, { lineWidth: 0, aliasDuplicateObjects: false });
}

/** The exchanges of a connection; undefined where there is no file. Throws CASSETTE_INVALID. */
export async function readCassette(folder: string, connection: string): Promise<Exchange[] | undefined> {
  const file = cassetteFile(folder, connection);
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const wrong = (reason: string, cause?: unknown) =>
    failure('CASSETTE_INVALID', { file: shownPath(file), reason }, { cause });
  let found: unknown;
  try {
    found = parse(text);
  } catch (error) {
    throw wrong((error as Error).message.split('\n')[0]!, error);
  }
  const { version, exchanges } = (found ?? {}) as Partial<Cassette>;
  if (version !== 1) throw wrong(`its version is ${version ?? 'not said'}, and this one knows 1`);
  if (!Array.isArray(exchanges)) throw wrong('it has no list `exchanges`');
  for (const [i, each] of exchanges.entries()) {
    const { request, answer } = (each ?? {}) as Partial<Exchange>;
    if (typeof request?.method !== 'string' || typeof request.url !== 'string')
      throw wrong(`exchange ${i + 1} has no \`request\` with method and url`);
    if (!Number.isInteger(answer?.status)) throw wrong(`exchange ${i + 1} has no \`answer\` with a status`);
  }
  return exchanges;
}
