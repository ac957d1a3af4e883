// What a GET gives, as a file.
import { compressionOf } from '../../engine/compression.ts';
import type { CallOptions, ConnectorContext } from '../../engine/contracts/connector.ts';
import type { FileItem, Range } from '../../engine/contracts/data.ts';
import { contentTypeOf } from '../shared/content-type.ts';
import { wholeBody } from '../shared/http/body.ts';
import type { Answer, Client } from '../shared/http/client.ts';
import { decoded } from '../shared/http/decoded.ts';

/** Asks for the file; its bytes come from this answer when they are wanted at once, and from another when again or in part. */
export async function fetchFile(
  client: Client,
  url: URL,
  shown: string,
  { retry }: Pick<ConnectorContext, 'retry'>,
  { signal }: CallOptions,
): Promise<FileItem> {
  // What is compressed by name is wanted as it is.
  const packed = /\.(gz|tgz|br)$/i.test(url.pathname);
  const plainly = { 'accept-encoding': 'identity' };
  const accepting = packed ? plainly : { 'accept-encoding': 'gzip, br' };
  const ask = (more: Record<string, string>) =>
    client.exchange({
      method: 'GET',
      url,
      headers: { ...accepting, ...more },
      statuses: more.range ? [416] : [],
      signal,
    });
  const askPlainly = (more: Record<string, string>) => ask({ ...plainly, ...more });

  const answer = await retry(() => client.exchange({ method: 'GET', url, headers: accepting, signal }), { signal });
  let unread: Answer | undefined = answer;
  const name = nameOf(answer, url);
  const encoded = packed ? [] : compressionOf({ path: '', contentEncoding: answer.headers['content-encoding'] ?? '' });
  return {
    name,
    path: shown,
    contentType: answer.headers['content-type'] ?? contentTypeOf(name),
    ...(encoded.length === 0 ? sizeOf(answer) : {}),
    ...modifiedOf(answer),
    open(range?: Range) {
      if (range !== undefined) return wholeBody({ ask: askPlainly, retry }, undefined, range, { signal });
      const first = unread;
      unread = undefined;
      return decoded((inner) => wholeBody({ ask, retry }, first, undefined, inner), encoded, shown, signal);
    },
  };
}

export function sizeOf({ headers }: Answer): { size?: number } {
  const length = headers['content-length'];
  return length === undefined || headers['content-encoding'] !== undefined ? {} : { size: Number(length) };
}

export function modifiedOf({ headers }: Answer): { modified?: string } {
  const time = Date.parse(headers['last-modified'] ?? '');
  return Number.isNaN(time) ? {} : { modified: new Date(time).toISOString() };
}

/** What Content-Disposition calls it (RFC 6266), else the last part of the address, without folders. */
function nameOf({ headers, url: final }: Answer, url: URL): string {
  const disposition = headers['content-disposition'] ?? '';
  const extended = /filename\*\s*=\s*utf-8''([^;\s]+)/i.exec(disposition)?.[1];
  const plain = /filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))/i.exec(disposition);
  const said = extended === undefined ? (plain?.[1]?.replace(/\\(.)/g, '$1') ?? plain?.[2]) : percentDecoded(extended);
  return lastPart(said ?? '') || lastOf(url) || lastOf(final) || url.hostname;
}

function lastOf(url: URL): string {
  return lastPart(percentDecoded(url.pathname.slice(url.pathname.lastIndexOf('/') + 1)));
}

function lastPart(name: string): string {
  const last = name.split('/').at(-1)!.replace(/\0/g, '');
  return last === '.' || last === '..' ? '' : last;
}

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
