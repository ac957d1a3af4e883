// Where a redirect leads, and when it is not followed.
import { failure } from '../../../engine/errors.ts';
import { type Addresses, shownUrl } from './address.ts';

const statuses = new Set([301, 302, 303, 307, 308]);
const mostRedirects = 5;

export function isRedirect(status: number): boolean {
  return statuses.has(status);
}

/** The next address. `visited` has those before, the current one last. Throws HTTP_REDIRECT, HOST_NOT_ALLOWED. */
export function nextAddress(
  method: string,
  visited: readonly URL[],
  location: string | undefined,
  addresses: Addresses,
): URL {
  const from = visited.at(-1)!;
  const refused = (reason: string) => failure('HTTP_REDIRECT', { method, url: shownUrl(visited[0]!), reason });
  if (location === undefined || !URL.canParse(location, from.href)) throw refused('without saying where');
  const to = new URL(location, from);
  const shown = shownUrl(to);
  if (method !== 'GET' && method !== 'HEAD')
    throw refused(`to ${shown}, and only GET follows; use that URL if you trust it`);
  if (to.protocol !== 'http:' && to.protocol !== 'https:') throw refused(`to ${shown}, which is no web address`);
  if (to.username !== '' || to.password !== '') throw refused(`to ${shown} with a user name or password`);
  if (from.protocol === 'https:' && to.protocol === 'http:') {
    throw refused(`from https to ${shown}, where anyone on the way can read and change it; it was not followed`);
  }
  addresses.checkRedirect(to);
  to.hash = '';
  if (visited.some((url) => url.href === to.href)) throw refused(`in a circle, back to ${shown}`);
  if (visited.length > mostRedirects) throw refused(`more than ${mostRedirects} times, last to ${shown}`);
  return to;
}
