// Faults of an SFTP server, and which of its requests have them. SSH itself finds bytes that were changed on the way.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connector } from '../../connectors/sftp/index.ts';
import { credentialOf } from '../../engine/secret.ts';
import { startSftpServer } from '../../test/servers/sftp.ts';
import type { SftpFault } from '../../test/servers/sftp-faults.ts';
import { type FaultKind, faultOf, type Weather } from './faults.ts';
import { type FaultyStore, impatient } from './store.ts';

export async function sftpStore(): Promise<FaultyStore> {
  const folder = mkdtempSync(join(tmpdir(), 'pipewright-faults-'));
  const server = await startSftpServer({ folder, password: '0' });
  const password = { stored: '0', taken: '0' };
  const expire = (renewed: boolean): SftpFault => {
    password.taken = `${Number(password.taken) + 1}`;
    server.setPassword(password.taken);
    if (renewed) password.stored = password.taken;
    return { breaks: 'before' };
  };
  let full = false;
  const kinds = kindsOf(expire, () => {
    full = true;
    return noSpace;
  });
  return {
    connector: impatient(connector, () => credentialOf({ password: password.stored })),
    path: 'a',
    kinds: kinds.map(({ kind }) => kind),
    config: () => ({ host: '127.0.0.1', port: server.port, user: 'tester', host_key: server.fingerprint }),
    reset() {
      server.fault = () => undefined;
      for (const name of readdirSync(folder)) rmSync(join(folder, name));
      password.taken = '0';
      password.stored = '0';
      server.setPassword('0');
    },
    disturb(weather) {
      full = false;
      server.fault = (request) => {
        if (weather === undefined) return undefined;
        if (full && request === 'WRITE') return noSpace;
        return faultOf({ ...weather, rate: weather.rate / seldom(request, weather) }, kinds, request, request);
      };
    },
    mend() {
      full = false;
      server.fault = () => undefined;
      password.stored = password.taken;
    },
    bytes: (path) => (existsSync(join(folder, path)) ? readFileSync(join(folder, path)) : undefined),
    // Without a password nothing can be taken away.
    leftovers: () => (password.stored === password.taken ? readdirSync(folder).filter((name) => name !== 'a') : []),
    async close() {
      await server.close();
      rmSync(folder, { recursive: true });
    },
  };
}

/** A file has many reads and writes; and what breaks while it is written is not gone on with. */
function seldom(request: string, { bytes }: Weather): number {
  if (request === 'FSTAT') return 1;
  return request === 'READ' || request === 'WRITE' ? 4 + bytes / 128 / 1024 : 8;
}

const noSpace: SftpFault = { refuse: { status: 'FAILURE', message: 'No space left on device' } };

function kindsOf(expire: (renewed: boolean) => SftpFault, fill: () => SftpFault): FaultKind<string, SftpFault>[] {
  const only = (names: readonly string[], fault: () => SftpFault) => (request: string) =>
    names.includes(request) ? fault() : undefined;
  return [
    { kind: 'session breaks before', of: () => ({ breaks: 'before' }) },
    { kind: 'session breaks, answer lost', of: () => ({ breaks: 'after' }) },
    {
      kind: 'connection lost, says the server',
      of: () => ({ refuse: { status: 'CONNECTION_LOST', message: 'lost' } }),
    },
    { kind: 'failure', final: true, of: () => ({ refuse: { status: 'FAILURE', message: 'Failure' } }) },
    { kind: 'permission denied', final: true, of: () => ({ refuse: { status: 'PERMISSION_DENIED', message: 'no' } }) },
    { kind: 'no space', final: true, of: only(['WRITE'], fill) },
    { kind: 'password changed, renewed', of: () => expire(true) },
    { kind: 'password changed for good', final: true, of: () => expire(false) },
    { kind: 'slow', of: (_, { random }) => ({ waitMs: Math.floor(random() * 20) }) },
    { kind: 'short read', of: (request, { random }) => (request === 'READ' ? { share: random() } : undefined) },
    {
      kind: 'length too large',
      final: true,
      of: (request, { random }) => (request === 'FSTAT' ? { sizeOff: 1 + Math.floor(random() * 9) } : undefined),
    },
    {
      kind: 'length too small',
      final: true,
      of: (request, { random }) => (request === 'FSTAT' ? { sizeOff: -1 - Math.floor(random() * 9) } : undefined),
    },
  ];
}
