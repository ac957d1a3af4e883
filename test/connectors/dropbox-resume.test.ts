// Copies to a Dropbox that break: what the next run goes on with, and what two runs at once do to each other.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Failure } from '../../engine/errors.ts';
import { openSqliteState } from '../../engine/state/sqlite.ts';
import { createEngine, type Pipe } from '../../index.ts';
import { killedCopies } from '../../scripts/campaign-copy.ts';
import { pattern } from '../conformance/files.ts';
import { failureOf } from '../conformance/streams.ts';
import type { DropboxServer } from '../servers/dropbox.ts';
import {
  appendTo,
  box,
  breakAt,
  busy,
  copy,
  createJournal,
  later,
  mend,
  mib,
  rangesOf,
  wrong,
} from './dropbox-connected.ts';

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
    // It is told by the first parts, not at the end.
    expect(server.moved.in).toBeLessThanOrEqual((30 + 3 * 4) * mib);
    expect(notes.size).toBe(0);
  });

  test('another size of the parts: from the beginning', async () => {
    const { server, connection } = await box();
    const { journal, notes } = createJournal();
    const content = pattern(30 * mib);
    breakAt(server, 4);
    await failureOf(copy(connection, rangesOf(content).item, journal));
    mend(server);
    const parts = { bytes: 8 * mib, atOnce: 2, resume: () => '["big","v1"]', journal: () => journal };
    await copy(connection, rangesOf(content).item, journal, { parts });
    expect(server.bytesOf('/big')!.equals(content)).toBe(true);
    expect(server.moved.in).toBe(30 * mib);
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
      // By then the first has sent something.
      if (round % 2 === 1) await expect.poll(async () => Object.keys(await journal.read()).length).toBeGreaterThan(2);
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

test('the campaign in short: kill -9, S3 to Dropbox', async () => {
  const { failed, moved } = await killedCopies('S3 to Dropbox', { kills: 1, megabytes: 48 });
  expect(failed).toEqual([]);
  expect(moved).toBeLessThan(1);
});
