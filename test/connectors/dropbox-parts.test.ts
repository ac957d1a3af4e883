// Large files on their way to a Dropbox: in parts, gone on with after a break, and what two runs do to each other.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { connector } from '../../connectors/dropbox/index.ts';
import type { AnyConnection, Journal, WriteOptions } from '../../engine/contracts/connector.ts';
import type { FileItem, Value } from '../../engine/contracts/data.ts';
import { Failure } from '../../engine/errors.ts';
import { credentialOf } from '../../engine/secret.ts';
import { openSqliteState } from '../../engine/state/sqlite.ts';
import { createEngine, type Pipe } from '../../index.ts';
import { bytesInUse, connectorContext, fileOf, pattern, streamOf, writeOptions } from '../conformance/files.ts';
import { failureOf } from '../conformance/streams.ts';
import { type DropboxServer, startDropbox } from '../servers/dropbox.ts';

const mib = 1024 * 1024;
const appendTo = 'files/upload_session/append_v2';
const busy = { refuse: { status: 503, body: '' } };
/** Asks for a longer wait than a run has. */
const later = { refuse: { status: 503, body: '', headers: { 'retry-after': '7200' } } };
const wrong = { refuse: { status: 400, body: 'what you ask for is wrong' } };

async function box(options: Parameters<typeof startDropbox>[0] = {}) {
  const server = await startDropbox(options);
  const credential = credentialOf({ access_token: 'good-token' });
  const connection = connector.open({ base_url: server.url }, connectorContext('box', { credential }));
  onTestFinished(async () => {
    await connection.close();
    await server.close();
  });
  return { server, connection };
}

function createJournal() {
  const notes = new Map<string, Value>();
  const journal: Journal = {
    read: async () => Object.fromEntries(notes),
    note: async (name, value) => void notes.set(name, value),
    clear: async () => notes.clear(),
  };
  return { notes, journal };
}

/** A file that can be read in ranges, and tells which were. */
function rangesOf(content: Buffer, version = 'v1') {
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

function copy(connection: AnyConnection, item: FileItem, journal?: Journal, more: Partial<WriteOptions> = {}) {
  const parts = {
    bytes: 4 * mib,
    atOnce: 3,
    resume: ({ path, version }: FileItem) => JSON.stringify([path, version]),
    ...(journal && { journal: () => journal }),
  };
  return connection.write!('big', streamOf(item), writeOptions({ mode: 'replace', parts, ...more }));
}

/** Everything goes wrong from the `nth` part on. */
function breakAt(server: DropboxServer, nth: number, fault = busy) {
  let seen = 0;
  server.fault = (endpoint) => (endpoint === appendTo && ++seen >= nth ? fault : undefined);
}

function mend(server: DropboxServer) {
  server.fault = () => undefined;
  server.moved.in = 0;
}

describe('in parts', () => {
  test('several at once, each read from its own range, in whatever order they come', async () => {
    const { server, connection } = await box();
    const content = pattern(23 * mib + 5);
    const { item, read } = rangesOf(content);
    let atOnce = 0;
    let most = 0;
    server.fault = (endpoint, call) => {
      if (endpoint !== appendTo) return undefined;
      most = Math.max(most, ++atOnce);
      setTimeout(() => atOnce--, 20);
      return { waitMs: call % 2 === 0 ? 2 : 20 };
    };
    expect(await copy(connection, item)).toEqual({ bytes: content.length, paths: ['/box/big'] });
    expect(server.bytesOf('/big')!.equals(content)).toBe(true);
    expect(read.slice(0, 6).sort()).toEqual(['0-4', '12-16', '16-20', '20-23.000004768371582', '4-8', '8-12']);
    expect(read).toHaveLength(6);
    expect(read.at(-1)).toMatch(/^20-/);
    expect(most).toBe(3);
    expect(server.openSessions()).toBe(0);
  });

  test.each([8 * mib, 8 * mib + 1, 12 * mib - 1])('%i bytes', async (size) => {
    const { server, connection } = await box();
    const content = pattern(size);
    await copy(connection, rangesOf(content).item);
    expect(server.bytesOf('/big')!.equals(content)).toBe(true);
  });

  test('a size of parts that Dropbox does not take is rounded', async () => {
    const { server, connection } = await box();
    const { item, read } = rangesOf(pattern(20 * mib));
    await copy(connection, item, undefined, { parts: { bytes: 9 * mib, atOnce: 2 } });
    expect(read).toEqual(['0-8', '8-16', '16-20']);
    expect(server.contents()).toEqual(['big']);
  });

  test.each(['concurrent_session_invalid_offset', 'incorrect_offset'])(
    'an answer that is lost, where a part that is there is refused as %s',
    async (again) => {
      const { server, connection } = await box({ again });
      server.fault = (endpoint, call) => (endpoint === appendTo && call % 2 === 1 ? { lose: true } : undefined);
      const content = pattern(18 * mib);
      await copy(connection, rangesOf(content).item);
      expect(server.bytesOf('/big')!.equals(content)).toBe(true);
    },
  );

  test('bytes that were changed on the way are sent again', async () => {
    const { server, connection } = await box();
    server.fault = (endpoint, call) => (endpoint === appendTo && call === 2 ? { corrupt: true } : undefined);
    const content = pattern(18 * mib);
    await copy(connection, rangesOf(content).item);
    expect(server.bytesOf('/big')!.equals(content)).toBe(true);
    expect(server.moved.in).toBe(22 * mib);
  });

  test('what Dropbox made of them is looked at', async () => {
    const { server, connection } = await box();
    const { journal, notes } = createJournal();
    server.fault = (endpoint) => (endpoint.endsWith('/finish') ? { damage: true } : undefined);
    const { code, message } = await failureOf(copy(connection, rangesOf(pattern(9 * mib)).item, journal));
    expect([code, message]).toEqual(['IO_FAILED', expect.stringContaining('is not what was sent')]);
    expect(notes.size).toBe(0);
  });

  test('a source that gives less than it said, or more', async () => {
    const { server, connection } = await box();
    for (const change of [-1, 1]) {
      const { item } = rangesOf(pattern(9 * mib));
      const open: FileItem['open'] = (range) => item.open({ start: range!.start, end: range!.end! + change });
      expect((await failureOf(copy(connection, { ...item, open }))).code).toBe('INPUT_TRUNCATED');
    }
    expect(server.contents()).toEqual([]);
  });

  test('no more is held than the parts on their way', async () => {
    const { connection } = await box();
    const size = 160 * mib;
    const chunk = pattern(mib);
    const item = fileOf('big', '', {
      size,
      async *open({ start, end = size } = { start: 0 }) {
        for (let at = start; at < end; at += mib) yield chunk;
      },
    });
    const before = bytesInUse();
    let most = 0;
    const onProgress = () => {
      most = Math.max(most, bytesInUse() - before);
    };
    await copy(connection, item, undefined, { parts: { bytes: 8 * mib, atOnce: 2 }, onProgress });
    expect(most).toBeLessThan(2 * 8 * mib + 8 * mib);
  });
});

describe('as the bytes come', () => {
  test('the next part is read while one is sent, and none after it', async () => {
    const { server, connection } = await box();
    let given = 0;
    const seen: number[] = [];
    server.fault = (endpoint) => {
      if (!endpoint.startsWith('files/upload_session/')) return undefined;
      setTimeout(() => seen.push(given), 60);
      return { waitMs: 80 };
    };
    const content = pattern(14 * mib);
    const item = fileOf('big', '', {
      async *open() {
        for (let at = 0; at < content.length; at += mib) {
          given = at + mib;
          yield content.subarray(at, at + mib);
        }
      },
    });
    await copy(connection, item);
    expect(server.bytesOf('/big')!.equals(content)).toBe(true);
    // The chunk after a part tells that it was not the last.
    expect(seen.map((bytes) => bytes / mib)).toEqual([9, 13, 14, 14, 14]);
  });

  test('a failure does not wait for a source that says nothing', async () => {
    const { server, connection } = await box();
    server.fault = () => wrong;
    const item = fileOf('big', '', {
      async *open() {
        for (let i = 0; i < 5; i++) yield Buffer.alloc(mib);
        await new Promise(() => {});
      },
    });
    expect((await failureOf(copy(connection, item))).code).toBe('HTTP_STATUS');
  });
});

describe('after a break', () => {
  test('goes on with what was sent', async () => {
    const { server, connection } = await box();
    const { journal, notes } = createJournal();
    const content = pattern(30 * mib);
    const { item } = rangesOf(content);
    breakAt(server, 4);
    expect((await failureOf(copy(connection, item, journal))).code).toBe('HTTP_BUSY');
    expect(notes.size).toBe(4);
    mend(server);
    const { item: again, read } = rangesOf(content);
    await copy(connection, again, journal);
    expect(read).toHaveLength(5);
    expect(server.moved.in).toBe(18 * mib);
    expect(server.bytesOf('/big')!.equals(content)).toBe(true);
    expect([notes.size, server.openSessions()]).toEqual([0, 0]);
  });

  test('a part that is there and was not noted', async () => {
    const { server, connection } = await box();
    const { journal, notes } = createJournal();
    const content = pattern(30 * mib);
    breakAt(server, 4);
    await failureOf(copy(connection, rangesOf(content).item, journal));
    notes.delete([...notes.keys()].at(-1)!);
    mend(server);
    await copy(connection, rangesOf(content).item, journal);
    expect(server.bytesOf('/big')!.equals(content)).toBe(true);
    expect(server.openSessions()).toBe(0);
  });

  test('a failure that does not pass leaves nothing to go on with', async () => {
    const { server, connection } = await box();
    const { journal, notes } = createJournal();
    breakAt(server, 4, wrong);
    expect((await failureOf(copy(connection, rangesOf(pattern(30 * mib)).item, journal))).code).toBe('HTTP_STATUS');
    expect(notes.size).toBe(0);
  });

  test('nor does an abort', async () => {
    const { server, connection } = await box();
    const { journal, notes } = createJournal();
    const stop = new AbortController();
    server.fault = (endpoint, call) => {
      if (endpoint === appendTo && call === 4) stop.abort(new Error('enough'));
      return undefined;
    };
    const aborted = copy(connection, rangesOf(pattern(30 * mib)).item, journal, { signal: stop.signal });
    await expect(aborted).rejects.toThrow('enough');
    expect(notes.size).toBe(0);
  });

  test.each([
    ['a session that Dropbox no longer knows', (server: DropboxServer) => server.expireSessions(), 'v1'],
    ['another version of the source', () => {}, 'v2'],
  ])('%s: from the beginning', async (_, change, version) => {
    const { server, connection } = await box();
    const { journal, notes } = createJournal();
    breakAt(server, 4);
    await failureOf(copy(connection, rangesOf(pattern(30 * mib)).item, journal));
    change(server);
    mend(server);
    const content = pattern(30 * mib, 7);
    await copy(connection, rangesOf(content, version).item, journal);
    expect(server.bytesOf('/big')!.equals(content)).toBe(true);
    expect(server.moved.in).toBeGreaterThanOrEqual(30 * mib);
    expect(notes.size).toBe(0);
  });

  test('notes of parts that are not there: from the beginning', async () => {
    const { server, connection } = await box();
    const { journal, notes } = createJournal();
    const content = pattern(30 * mib);
    breakAt(server, 4);
    await failureOf(copy(connection, rangesOf(content).item, journal));
    const { session } = notes.get('upload') as { session: string };
    notes.set(`${session} 6`, notes.get(`${session} 1`)!);
    mend(server);
    await copy(connection, rangesOf(content).item, journal);
    expect(server.bytesOf('/big')!.equals(content)).toBe(true);
  });

  test('killed between the commit and the end: nothing is sent twice but the last part', async () => {
    const { server, connection } = await box();
    const { journal, notes } = createJournal();
    const content = pattern(30 * mib);
    let before = new Map(notes);
    server.fault = (endpoint) => {
      if (endpoint.endsWith('/finish')) before = new Map(notes);
      return undefined;
    };
    await copy(connection, rangesOf(content).item, journal);
    for (const [name, note] of before) notes.set(name, note);
    mend(server);
    await copy(connection, rangesOf(content).item, journal);
    expect(server.moved.in).toBe(2 * mib);
    expect(notes.size).toBe(0);
  });

  test('killed when the session was closed and not committed', async () => {
    const { server, connection } = await box();
    const { journal, notes } = createJournal();
    const content = pattern(30 * mib);
    server.fault = (endpoint) => (endpoint.endsWith('/finish') ? busy : undefined);
    expect((await failureOf(copy(connection, rangesOf(content).item, journal))).code).toBe('HTTP_BUSY');
    mend(server);
    await copy(connection, rangesOf(content).item, journal);
    expect(server.moved.in).toBe(2 * mib);
    expect(server.bytesOf('/big')!.equals(content)).toBe(true);
    expect([notes.size, server.openSessions()]).toEqual([0, 0]);
  });
});

describe('two runs at once', () => {
  test.each(['v1', 'v2'])('of v1 and of %s: the bytes of one, or a clear error', async (second) => {
    const { server, connection } = await box();
    const contents = [pattern(30 * mib), pattern(30 * mib, second === 'v1' ? 1 : 5)] as const;
    for (let round = 0; round < 4; round++) {
      const { journal } = createJournal();
      server.fault = () => ({ waitMs: Math.random() * 10 });
      const first = copy(connection, rangesOf(contents[0]).item, journal);
      // By then the first has taken notes.
      while (round % 2 === 1 && Object.keys(await journal.read()).length < 3) await new Promise(setImmediate);
      const ends = await Promise.allSettled([first, copy(connection, rangesOf(contents[1], second).item, journal)]);
      for (const end of ends) if (end.status === 'rejected') expect(end.reason).toBeInstanceOf(Failure);
      expect(ends.some(({ status }) => status === 'fulfilled')).toBe(true);
      const there = server.bytesOf('/big')!;
      expect(contents.some((content) => content.equals(there))).toBe(true);
    }
  });
});

describe('the copy task', () => {
  async function project() {
    const { server } = await box();
    process.env.TEST_DROPBOX_TOKEN = 'good-token';
    const folder = mkdtempSync(join(tmpdir(), 'pipe-dropbox-'));
    const state = join(folder, 'state.db');
    const engine = createEngine({
      folder,
      configFolder: folder,
      stateFolder: folder,
      credentials: 'memory',
      state: { file: state },
    });
    onTestFinished(async () => {
      await engine.close();
      rmSync(folder, { recursive: true, force: true });
    });
    const content = pattern(30 * mib);
    writeFileSync(join(folder, 'in.bin'), content);
    const definition = {
      name: 'nightly',
      connections: { box: { connector: 'dropbox', base_url: server.url, access_token: '${env.TEST_DROPBOX_TOKEN}' } },
      tasks: [
        { op: 'copy', from: 'in.bin', to: '/box/big', part_size: '4MiB', concurrency: 2 },
        { op: 'set_state', key: 'seen', value: '${size(state)}' },
      ],
    } as unknown as Pipe;
    return { server, engine, definition, content, state };
  }

  test('notes in the state what the next run goes on with, where the pipe does not see it', async () => {
    const { server, engine, definition, content, state } = await project();
    breakAt(server, 4, later);
    await expect(engine.run(definition).result).rejects.toMatchObject({ code: 'HTTP_BUSY' });
    const store = await openSqliteState(state);
    onTestFinished(() => store.close());
    const notes = () => store.values('nightly/copy /box/big');
    expect(Object.keys(await notes())).toHaveLength(4);
    mend(server);
    await engine.run(definition).result;
    expect(server.moved.in).toBe(18 * mib);
    expect(server.bytesOf('/big')!.equals(content)).toBe(true);
    expect(await notes()).toEqual({});
    expect(await store.values('nightly')).toEqual({ seen: 0 });
  });
});
