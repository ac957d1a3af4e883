// Copies of a large file to SFTP that break: what goes on in a new session, what the next run goes on with, and two runs at once.
import { chmodSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { FileItem } from '../../engine/contracts/data.ts';
import { Failure, failure } from '../../engine/errors.ts';
import { killedCopies } from '../../scripts/campaign-copy.ts';
import { pattern, temporaryOf } from '../conformance/files.ts';
import { failureOf } from '../conformance/streams.ts';
import { opensshServer } from '../servers/sftp.ts';
import { copy, createJournal, mib, rangesOf } from './dropbox-connected.ts';
import { connected } from './sftp-connected.ts';

const content = pattern(30 * mib);
const passing = failure('CONNECTION_LOST', { host: 'source', reason: 'the source is gone' });
const lasting = failure('PERMISSION_DENIED', { path: 'source', hint: '' });

/** A source that breaks once so many of its bytes were taken. */
function breaking(bytes: number, error: Error, version = 'v1'): FileItem {
  const { item } = rangesOf(content, version);
  return {
    ...item,
    async *open(range) {
      let given = 0;
      for await (const chunk of item.open(range)) {
        yield chunk;
        given += chunk.length;
        if (given >= bytes) throw error;
      }
    },
  };
}

const partOf = (writer: 'dead' | 'alive') => temporaryOf('big', writer).replace(/tmp$/, 'new');
const startOf = (read: readonly string[], nth: number) => Number(read[nth]!.split('-')[0]);

describe.each(['here', ...(opensshServer === undefined ? [] : (['openssh'] as const))] as const)(
  'the server %s',
  (answers) => {
    const open = async () => {
      const given = await connected({ server: { answers } });
      const names = () => readdirSync(given.folder).sort();
      const isWhole = (whole = content) => readFileSync(join(given.folder, 'big')).equals(whole);
      return { ...given, ...createJournal(), names, isWhole };
    };

    test('the run goes on in a new session', async () => {
      const { connection, server, journal, notes, retries, names, isWhole } = await open();
      const { item, read } = rangesOf(content);
      server.breakAfter(13 * mib);
      const report = await copy(connection, item, journal);
      expect(report.bytes).toBe(30 * mib);
      expect(isWhole()).toBe(true);
      expect(server.sessions.begun).toBe(2);
      expect(retries).toEqual(['CONNECTION_LOST']);
      expect(read).toHaveLength(2);
      expect(startOf(read, 1)).toBeGreaterThanOrEqual(4);
      expect([names(), notes.size]).toEqual([['big'], 0]);
    });

    test('as often as it is needed, as long as each brings the file further', async () => {
      const { connection, server, isWhole, names } = await open();
      const { item, read } = rangesOf(content);
      const often: FileItem = {
        ...item,
        open(range, buffers) {
          server.breakAfter(5 * mib);
          return item.open(range, buffers);
        },
      };
      await copy(connection, often, undefined, { parts: { bytes: mib, atOnce: 1, resume: () => 'v1' } });
      expect(read.length).toBeGreaterThan(6);
      expect(isWhole()).toBe(true);
      expect(names()).toEqual(['big']);
    });

    test('the next run goes on with what the last one has left', async () => {
      const { connection, journal, notes, names, isWhole } = await open();
      expect((await failureOf(copy(connection, breaking(14 * mib, passing), journal))).message).toContain('source');
      expect(names()).toEqual([expect.stringMatching(/^\.big\..*\.new$/)]);
      const { item, read } = rangesOf(content);
      const report = await copy(connection, item, journal);
      expect(read).toHaveLength(1);
      expect(startOf(read, 0)).toBeGreaterThanOrEqual(4);
      expect(report.bytes).toBe(30 * mib - startOf(read, 0) * mib);
      expect(isWhole()).toBe(true);
      expect([names(), notes.size]).toEqual([['big'], 0]);
    });

    test('another version of the source begins anew', async () => {
      const { connection, journal, notes, names, isWhole } = await open();
      await failureOf(copy(connection, breaking(14 * mib, passing), journal));
      const other = pattern(30 * mib, 7);
      const { item, read } = rangesOf(other, 'v2');
      await copy(connection, item, journal);
      expect(read).toEqual(['0-30']);
      expect(isWhole(other)).toBe(true);
      expect([names(), notes.size]).toEqual([['big'], 0]);
    });

    test.each([
      ['a failure that does not pass', lasting, true],
      ['one that may pass, where nothing is noted', passing, false],
    ])('%s leaves nothing', async (_, error, isNoted) => {
      const { connection, journal, notes, names } = await open();
      await failureOf(copy(connection, breaking(14 * mib, error), isNoted ? journal : undefined));
      expect([names(), notes.size]).toEqual([[], 0]);
    });

    test('nor does an abort', async () => {
      const { connection, journal, notes, names } = await open();
      const stop = new AbortController();
      const { item } = rangesOf(content);
      const stopping: FileItem = {
        ...item,
        async *open(range) {
          let given = 0;
          for await (const chunk of item.open(range)) {
            given += chunk.length;
            if (given > 14 * mib) stop.abort(new Error('enough'));
            yield chunk;
          }
        },
      };
      await expect(copy(connection, stopping, journal, { signal: stop.signal })).rejects.toThrow('enough');
      await expect.poll(() => [names(), notes.size]).toEqual([[], 0]);
    });

    test.each(['v1', 'v2'])('two runs at once, of v1 and of %s', async (version) => {
      const { connection, journal, names, isWhole } = await open();
      const other = version === 'v1' ? content : pattern(30 * mib, 7);
      const first = copy(connection, rangesOf(content).item, journal);
      await expect.poll(() => names().length).toBeGreaterThan(0);
      const ends = await Promise.allSettled([first, copy(connection, rangesOf(other, version).item, journal)]);
      for (const end of ends) if (end.status === 'rejected') expect(end.reason).toBeInstanceOf(Failure);
      expect(ends.some(({ status }) => status === 'fulfilled')).toBe(true);
      expect(names()).toEqual(['big']);
      expect(isWhole() || isWhole(other)).toBe(true);
    });

    test('a part file of another process that is alive is left alone, and so are its notes', async () => {
      const { connection, folder, journal, notes, names, isWhole } = await open();
      await failureOf(copy(connection, breaking(14 * mib, passing), journal));
      const alive = partOf('alive');
      const note = { ...(notes.get('part') as object), names: [alive] };
      notes.set('part', note);
      const [left] = names();
      writeFileSync(join(folder, alive), readFileSync(join(folder, left!)));
      const { item, read } = rangesOf(content);
      await copy(connection, item, journal);
      expect(read).toEqual(['0-30']);
      expect(isWhole()).toBe(true);
      expect(names()).toContain(alive);
      expect(notes.get('part')).toEqual(note);
    });

    test('one of a process that is no more, of which nothing is noted, is removed', async () => {
      const { connection, folder, journal, names } = await open();
      const alive = partOf('alive');
      const other = partOf('dead').replace('big', 'other');
      for (const name of [partOf('dead'), alive, other]) writeFileSync(join(folder, name), 'x');
      await copy(connection, rangesOf(content).item, journal);
      expect(names()).toEqual([alive, other, 'big'].sort());
    });

    test.each(['shorter than what was noted', 'gone'])('one that is %s: from the beginning', async (what) => {
      const { connection, folder, journal, notes, names, isWhole } = await open();
      await failureOf(copy(connection, breaking(14 * mib, passing), journal));
      const [left] = names();
      if (what === 'gone') notes.set('part', { ...(notes.get('part') as object), names: [partOf('dead')] });
      else truncateSync(join(folder, left!), mib);
      const { item, read } = rangesOf(content);
      await copy(connection, item, journal);
      expect(read).toEqual(['0-30']);
      expect(isWhole()).toBe(true);
      expect(notes.size).toBe(0);
    });

    test.each([0o640, 0o440])('the file that it takes the place of gives it its mode %o', async (mode) => {
      const { connection, folder, server, journal, names, isWhole } = await open();
      writeFileSync(join(folder, 'big'), 'old');
      chmodSync(join(folder, 'big'), mode);
      server.breakAfter(13 * mib);
      await copy(connection, rangesOf(content).item, journal);
      expect(isWhole()).toBe(true);
      expect(statSync(join(folder, 'big')).mode & 0o7777).toBe(mode);
      expect(names()).toEqual(['big']);
    });
  },
);

test('bytes that were taken behind a gap do not count', async () => {
  const { connection, folder, server } = await connected();
  for (let round = 0; round < 5; round++) {
    let seen = 0;
    // Of every sixty requests the first waits while the others are answered, until the window is full.
    server.fault = (name) => (name === 'WRITE' && seen++ % 60 === 0 ? { waitMs: 20 } : undefined);
    server.breakAfter((9 + round) * mib + 300_000);
    const { item, read } = rangesOf(content, `v${round}`);
    await copy(connection, item);
    expect(read.length).toBeGreaterThan(1);
    expect(readFileSync(join(folder, 'big')).equals(content)).toBe(true);
  }
});

test('a server that refuses in the middle is not asked again', async () => {
  const { connection, folder, server, retries } = await connected();
  let seen = 0;
  server.fault = (name) =>
    name === 'WRITE' && ++seen > 300 ? { refuse: { status: 'FAILURE', message: 'Failure' } } : undefined;
  const { journal, notes } = createJournal();
  expect((await failureOf(copy(connection, rangesOf(content).item, journal))).code).toBe('IO_FAILED');
  expect([retries, readdirSync(folder), notes.size]).toEqual([[], [], 0]);
});

test.each(['OPEN', 'RENAME', 'FSTAT', 'CLOSE'])('an answer to %s that is lost', async (lost) => {
  for (const breaks of ['before', 'after'] as const) {
    const { connection, folder, server } = await connected();
    const { journal, notes } = createJournal();
    await failureOf(copy(connection, breaking(14 * mib, passing), journal));
    let broken = false;
    server.fault = (name) => {
      if (broken || name !== lost) return undefined;
      broken = true;
      return { breaks };
    };
    await copy(connection, rangesOf(content).item, journal);
    expect(broken).toBe(true);
    expect(readFileSync(join(folder, 'big')).equals(content)).toBe(true);
    expect([readdirSync(folder), notes.size]).toEqual([['big'], 0]);
  }
});

test('the campaign in short: kill -9, local to SFTP', async () => {
  const { failed, moved } = await killedCopies('local to SFTP', { kills: 1, megabytes: 48 });
  expect(failed).toEqual([]);
  expect(moved).toBeLessThan(1);
});
