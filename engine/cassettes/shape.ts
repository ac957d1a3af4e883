// Requests and answers in the form they have in a cassette: base URLs by name, bodies as text, and without what is secret.
import type { WireRequest } from '../contracts/http.ts';
import { mark } from '../secret.ts';
import type { Body, Exchange } from './cassette.ts';

/** Puts the name of a connection in place of its base URL, and back. */
export interface Naming {
  named(text: string): string;
  plain(text: string): string;
}

export function namingOf(name: string, base: string | undefined): Naming {
  if (name === '' || base === undefined || !URL.canParse(base)) return { named: (text) => text, plain: (text) => text };
  const { origin, pathname } = new URL(base);
  const path = pathname.replace(/\/$/, '');
  const pairs: [string, string][] = [[origin + path, `{{${name}}}`]];
  if (path !== '') pairs.push([origin, `{{${name} origin}}`]);
  const escaped = (text: string) => text.replaceAll('/', '\\/');
  return {
    named(text) {
      let out = text;
      for (const [from, to] of pairs) out = out.replaceAll(from, to).replaceAll(escaped(from), to);
      // A next page may be named by its path alone.
      return path === '' ? out : out.replaceAll(`"${path}/`, `"{{${name} path}}/`);
    },
    plain(text) {
      let out = text.replaceAll(`{{${name} path}}`, path);
      for (const [from, to] of pairs) out = out.replaceAll(to, from);
      return out;
    },
  };
}

/** Those that change with every answer, or with where it is recorded, and those that are read by no one here. */
const volatile =
  /^(age|alt-svc|connection|content-encoding|content-length|content-security-policy.*|cf-.*|date|expect-ct|expires|keep-alive|nel|report-to|server|server-timing|strict-transport-security|transfer-encoding|vary|via|x-(amzn?|cache|content-type-options|frame-options|github-media-type|powered-by|runtime|served-by|timer|xss-protection).*|.*(request|correlation|trace|ray)-?id)$/;
const secretHeader =
  /(^|-)(auth|authorization|authenticate|cookie2?|api-?key|csrf|xsrf|session|secret|credential|signature)(-|$)|^set-cookie/;

export function keptHeaders(headers: Record<string, string>, shape: (text: string) => string): Record<string, string> {
  const kept = Object.entries(headers).filter(([name]) => !volatile.test(name) && !secretHeader.test(name));
  return Object.fromEntries(kept.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => [name, shape(value)]));
}

const secretNames =
  '(?:access|refresh|id|bearer|auth|session)_?token|client_?secret|client_?assertion|api_?key|secret_?key|private_?key|password|passwd|secret';
const inJson = new RegExp(`("(?:${secretNames})"\\s*:\\s*")((?:[^"\\\\]|\\\\.)*)(?=")`, 'gi');
const inForm = new RegExp(`((?:^|[?&])(?:${secretNames})=)([^&#\\s"]*)`, 'gi');
/** Parameters that are named like a key or a signature; those that name a page are none. */
const inQuery =
  /([?&](?!(?:[^=&]*[-_.])?(?:page|next|continuation|sync)_?-?token=)(?:[^=&#]*[-_.])?(?:api-?_?key|key|\w*token|\w*secret|sig|signature|password|passwd|pwd|credential|auth|code)=)([^&#]+)/gi;

/** Without values that are secret by their names. `found` is told each of them. */
export function masked(text: string, found: (secret: string) => void = () => {}): string {
  return text.replace(inJson, replaced(found)).replace(inForm, replaced(found));
}

function replaced(found: (secret: string) => void) {
  return (_: string, name: string, value: string) => {
    if (value !== mark && value.length >= 8) found(value);
    return `${name}${value === '' ? '' : mark}`;
  };
}

/** A URL as it stands in a cassette, its parameters in one order. */
function shapedUrl(url: URL, { named }: Naming, redact: (text: string) => string): string {
  const sorted = new URL(url);
  sorted.hash = '';
  const query = sorted.search
    .slice(1)
    .split('&')
    .filter((part) => part !== '');
  sorted.search = query.sort().join('&');
  // `[secret]` is to be read, and is no part of the URL that is sent.
  return redact(named(sorted.href).replace(inQuery, (_, name: string) => `${name}${mark}`));
}

export function shapedRequest(
  request: Pick<WireRequest, 'method' | 'plain' | 'headers'>,
  body: Uint8Array,
  naming: Naming,
  redact: (text: string) => string,
): Exchange['request'] {
  const { range } = request.headers;
  return {
    method: request.method,
    url: shapedUrl(request.plain, naming, redact),
    ...(range === undefined ? {} : { range }),
    ...shapedBody(body, (text) => redact(masked(naming.named(text)))),
  };
}

/** Text where it is text, as JSON where nothing is lost by it. */
export function shapedBody(bytes: Uint8Array, shape: (text: string) => string): Body {
  if (bytes.length === 0) return {};
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    // Latin 1 keeps every byte, so that a secret is found among them.
    return { base64: Buffer.from(shape(Buffer.from(bytes).toString('latin1')), 'latin1').toString('base64') };
  }
  const shaped = shape(text);
  try {
    const json: unknown = JSON.parse(shaped);
    if (typeof json === 'object' && json !== null && skeleton(JSON.stringify(json)) === skeleton(shaped))
      return { json };
  } catch {
    // Then it is no JSON.
  }
  return { text: shaped };
}

/** JSON without blanks and without what its strings say: where two are equal, no number has lost a digit and no key is gone. */
function skeleton(json: string): string {
  return json.replace(/"(?:[^"\\]|\\.)*"|\s+/g, (part) => (part.startsWith('"') ? '""' : ''));
}

export function bodyBytes({ json, text, base64 }: Body, { plain }: Naming): Uint8Array {
  if (base64 !== undefined) return Buffer.from(base64, 'base64');
  if (json !== undefined) return Buffer.from(plain(JSON.stringify(json)));
  return Buffer.from(text === undefined ? '' : plain(text));
}
