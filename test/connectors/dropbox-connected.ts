// What the tests of large files on their way to a Dropbox share: a server, a source, a journal, and faults.
import { onTestFinished } from 'vitest';
import { connector } from '../../connectors/dropbox/index.ts';
import type { AnyConnection, Journal, WriteOptions } from '../../engine/contracts/connector.ts';
import type { FileItem, Value } from '../../engine/contracts/data.ts';
import { credentialOf } from '../../engine/secret.ts';
import { connectorContext, fileOf, streamOf, writeOptions } from '../conformance/files.ts';
import { type DropboxServer, startDropbox } from '../servers/dropbox.ts';

export const mib = 1024 * 1024;
export const appendTo = 'files/upload_session/append_v2';
export const busy = { refuse: { status: 503, body: '' } };
/** Asks for a longer wait than a run has. */
export const later = { refuse: { status: 503, body: '', headers: { 'retry-after': '7200' } } };
export const wrong = { refuse: { status: 400, body: 'what you ask for is wrong' } };

export async function box(options: Parameters<typeof startDropbox>[0] = {}) {
  const server = await startDropbox(options);
  const credential = credentialOf({ access_token: 'good-token' });
  const connection = connector.open({ base_url: server.url }, connectorContext('box', { credential }));
  onTestFinished(async () => {
    await connection.close();
    await server.close();
  });
  return { server, connection };
}

export function createJournal() {
  const notes = new Map<string, Value>();
  const journal: Journal = {
    read: async () => Object.fromEntries(notes),
    note: async (name, value) => void notes.set(name, value),
    clear: async () => notes.clear(),
  };
  return { notes, journal };
}

/** A file that can be read in ranges, and tells which were. */
export function rangesOf(content: Buffer, version = 'v1') {
  const read: string[] = [];
  const item: FileItem = fileOf('big', content, {
    size: content.length,
    version,
    async *open(range) {
      const { start = 0, end = content.length } = range ?? {};
      read.push(`${start / mib}-${end / mib}`);
      for (let at = start; at < end; at += mib) yield content.subarray(at, Math.min(end, at + mib));
    },
  });
  return { item, read };
}

export function copy(connection: AnyConnection, item: FileItem, journal?: Journal, more: Partial<WriteOptions> = {}) {
  const parts = {
    bytes: 4 * mib,
    atOnce: 3,
    resume: ({ path, version }: FileItem) => JSON.stringify([path, version]),
    ...(journal && { journal: () => journal }),
  };
  return connection.write!('big', streamOf(item), writeOptions({ mode: 'replace', parts, ...more }));
}

/** Everything goes wrong from the `nth` part on. */
export function breakAt(server: DropboxServer, nth: number, fault = busy) {
  let seen = 0;
  server.fault = (endpoint) => (endpoint === appendTo && ++seen >= nth ? fault : undefined);
}

export function mend(server: DropboxServer) {
  server.fault = () => undefined;
  server.moved.in = 0;
}
