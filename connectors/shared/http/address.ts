// Which URL a path means, which hosts are the connection's own, and how a URL is shown.
import type { Value } from '../../../engine/contracts/data.ts';
import { failure } from '../../../engine/errors.ts';
import type { HttpConfig } from '../../../schemas/generated/types.ts';
import { jsonText } from '../json-text.ts';

export interface Addresses {
  /** Whether there is a connection at all; without one every URL is as good as any other and none is the connection's own. */
  readonly bound: boolean;
  /** The URL of a path below the base URL, or of a whole URL on one of the own hosts. Throws PATH_INVALID, HOST_NOT_ALLOWED. */
  at(path: string): URL;
  /** Whether the credential, headers and query of the connection may go there. */
  owns(url: URL): boolean;
  /** Throws HOST_NOT_ALLOWED where `allowed_hosts` are named and this is none of them. */
  checkRedirect(url: URL): void;
}

export function createAddresses(
  name: string,
  config: Pick<HttpConfig, 'base_url' | 'allowed_hosts' | 'query'>,
): Addresses {
  const base = config.base_url === undefined ? undefined : parsed(config.base_url);
  const allowed = config.allowed_hosts ?? [];
  const bound = base !== undefined || allowed.length > 0;

  const owns = (url: URL) => {
    if (base?.protocol === 'https:' && url.protocol !== 'https:') return false;
    return url.host === base?.host || allowed.some((pattern) => matches(pattern.toLowerCase(), url));
  };
  const refused = (url: URL) => {
    const hosts = [...(base === undefined ? [] : [base.host]), ...allowed].join(', ');
    const shown = base?.protocol === 'https:' && url.protocol === 'http:' ? `${url.host} without TLS` : url.host;
    return failure('HOST_NOT_ALLOWED', { host: shown, connection: name, allowed: hosts });
  };
  return {
    bound,
    owns,
    at(path) {
      if (/^[a-z][a-z0-9+.-]*:\/\//i.test(path)) {
        const url = parsed(path);
        if (bound && !owns(url)) throw refused(url);
        addQuery(url, config.query as Record<string, Value> | undefined);
        return url;
      }
      if (base === undefined) {
        throw failure('PATH_INVALID', {
          path,
          reason: 'is no URL, and the connection has no base_url to put before it',
        });
      }
      const [, way, query] = /^\/*([^?#]*)(?:\?([^#]*))?/.exec(path)!;
      const url = new URL(base);
      if (way !== '') url.pathname = `${base.pathname.replace(/\/$/, '')}/${way}`;
      // What the base URL asks for goes for every path below it.
      url.search = [base.search.slice(1), query ?? ''].filter((part) => part !== '').join('&');
      addQuery(url, config.query as Record<string, Value> | undefined);
      return url;
    },
    checkRedirect(url) {
      if (allowed.length > 0 && !owns(url)) throw refused(url);
    },
  };
}

function matches(pattern: string, url: URL): boolean {
  if (pattern.startsWith('*.')) return url.hostname.endsWith(pattern.slice(1));
  return url.hostname === pattern || url.host === pattern;
}

function parsed(text: string): URL {
  if (!URL.canParse(text)) throw failure('PATH_INVALID', { path: text, reason: 'is no URL that can be read' });
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw failure('PATH_INVALID', {
      path: text,
      reason: `begins with ${url.protocol}//; only http and https can be fetched`,
    });
  }
  if (url.username !== '' || url.password !== '') {
    const reason =
      'has a user name or password in it; make a connection with `auth: basic`, which keeps the password in a store';
    throw failure('PATH_INVALID', { path: shownUrl(url), reason });
  }
  return url;
}

/** A list repeats the parameter, null leaves it out. What the URL has already stays as it is. */
export function addQuery(url: URL, query: Record<string, Value> = {}): void {
  const given = new Set(url.searchParams.keys());
  for (const [name, value] of Object.entries(query)) {
    if (given.has(name)) continue;
    for (const each of Array.isArray(value) ? value : [value]) {
      if (each !== null) url.searchParams.append(name, typeof each === 'object' ? jsonText(each) : String(each));
    }
  }
}

const sensitive = /(^|[-_.])(api[-_]?key|key|\w*token|\w*secret|sig|signature|password|passwd|pwd|credential|auth)$/i;

/** Without what gives access: user, password, and the values of parameters named like a key or a signature. */
export function shownUrl(url: URL): string {
  const shown = new URL(url);
  shown.username = '';
  shown.password = '';
  shown.hash = '';
  for (const name of new Set(shown.searchParams.keys())) if (sensitive.test(name)) shown.searchParams.set(name, '…');
  return shown.search === url.search ? shown.href : shown.href.replaceAll('%E2%80%A6', '…');
}
