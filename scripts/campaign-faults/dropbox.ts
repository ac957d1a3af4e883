// Faults of Dropbox, and which of its endpoints have them.
import { connector } from '../../connectors/dropbox/index.ts';
import { credentialOf } from '../../engine/secret.ts';
import { type DropboxFault, startDropbox } from '../../test/servers/dropbox.ts';
import { type FaultKind, faultOf } from './faults.ts';
import { type FaultyStore, impatient, somewhere } from './store.ts';

const tag = (name: string) => `{"error_summary":"${name}/..","error":{".tag":"${name}"}}`;
const json = { 'content-type': 'application/json' };

function refusal(status: number, body: string, headers?: Record<string, string>): DropboxFault {
  return { refuse: { status, body, ...(headers === undefined ? {} : { headers }) } };
}

export async function dropboxStore(): Promise<FaultyStore> {
  const server = await startDropbox();
  let count = 0;
  let token = 0;
  let known = 'good-0';
  const renew = (renewed: boolean): DropboxFault => {
    token++;
    server.tokens.clear();
    server.tokens.add(`good-${token}`);
    server.refresh.gives = renewed ? `good-${token}` : 'bad';
    return {};
  };
  const kinds = kindsOf(renew);
  return {
    connector: impatient(connector, () => credentialOf({ access_token: known, refresh_token: server.refresh.token })),
    kinds: kinds.map(({ kind }) => kind),
    // A name of its own for each, as an old revision stays.
    get path() {
      return `f${count}`;
    },
    config: () => ({ base_url: server.url, client_id: 'app-key', part_size: '4MiB' }),
    reset() {
      server.fault = () => undefined;
      server.calls.length = 0;
      count++;
      renew(true);
      known = `good-${token}`;
    },
    disturb(weather) {
      server.fault = (endpoint) => weather && faultOf(weather, kinds, endpoint, requestOf(endpoint, server.calls));
    },
    mend() {
      server.fault = () => undefined;
      server.refresh.gives = `good-${token}`;
    },
    bytes: (path) => server.bytesOf(`/${path}`),
    // A session that is not committed goes away by itself.
    leftovers: () => [],
    close: () => server.close(),
  };
}

function kindsOf(renew: (renewed: boolean) => DropboxFault): FaultKind<string, DropboxFault>[] {
  const given = (endpoint: string, fault: DropboxFault) => (endpoint === 'files/download' ? fault : undefined);
  const taken = (endpoint: string, fault: DropboxFault) =>
    /upload_session\/(start|append)/.test(endpoint) ? fault : undefined;
  return [
    { kind: '500', of: () => refusal(500, 'try again') },
    { kind: '503', of: () => refusal(503, '') },
    { kind: '503 with retry-after', of: () => refusal(503, '', { 'retry-after': '0' }) },
    { kind: '429', of: () => refusal(429, tag('too_many_requests'), json) },
    { kind: '429 with retry-after', of: () => refusal(429, tag('too_many_requests'), { ...json, 'retry-after': '0' }) },
    { kind: '400', final: true, of: () => refusal(400, 'what you ask for is wrong') },
    {
      kind: '409 no space',
      final: true,
      of: (endpoint) => (/finish/.test(endpoint) ? refusal(409, tag('path/insufficient_space'), json) : undefined),
    },
    { kind: 'token expired, renewed', of: () => renew(true) },
    { kind: 'token expired for good', final: true, of: () => renew(false) },
    { kind: 'slow', of: (_, { random }) => ({ waitMs: Math.floor(random() * 20) }) },
    { kind: 'download cut', of: (endpoint, weather) => given(endpoint, { cutAfter: somewhere(weather) }) },
    {
      kind: 'length too large',
      of: (endpoint, { random }) => given(endpoint, { tooLong: 1 + Math.floor(random() * 9) }),
    },
    { kind: 'length too small', of: (endpoint) => given(endpoint, refusal(200, '')) },
    { kind: 'checksum of an upload', of: (endpoint) => taken(endpoint, { corrupt: true }) },
    { kind: 'answer lost', of: () => ({ lose: true }) },
  ];
}

function requestOf(endpoint: string, calls: readonly { headers: Record<string, unknown> }[]): string {
  return calls.at(-1)?.headers.range === undefined ? endpoint : `${endpoint}, a range`;
}
