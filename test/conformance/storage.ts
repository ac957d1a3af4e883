// What every storage must do. A connector's test calls `describeStorage` and adds only what is its own.
import { createHash } from 'node:crypto';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { AnyConnection, AnyConnector, Capability, Entry } from '../../engine/contracts/connector.ts';
import type { FileItem, Range } from '../../engine/contracts/data.ts';
import { type ErrorCode, failure } from '../../engine/errors.ts';
import { bytesInUse, fileOf, get, itemAt, never, pattern, put, streamOf, text, writeOptions } from './files.ts';
import { collect, failureOf } from './streams.ts';

interface OpenStorage {
  connection: AnyConnection;
  /** Whatever is in the store, with parts and temporary files, seen without the connector. Sorted. */
  contents(): Promise<string[]>;
  /** Nothing may be done in this folder until it is allowed again. Absent where the store cannot be told so. */
  deny?(connection: AnyConnection, folder: string): Promise<Denied>;
  close(): Promise<void>;
}

interface Denied {
  /** The one it is denied to. */
  connection: AnyConnection;
  /** What the store can tell; PERMISSION_DENIED where nothing is said. */
  code?: ErrorCode;
  allow(): Promise<void>;
}

export interface StorageSuite {
  connector: AnyConnector;
  /** An empty store. */
  open(): Promise<OpenStorage>;
  /** A folder is a thing of its own, not only a part of names. */
  folders: boolean;
  /** `mode: append` can be done. */
  append: boolean;
  /** `create` stays exclusive when another writer comes between. */
  exclusive: boolean;
  /** A path that ends in `/` takes several files. */
  severalFiles: boolean;
  /** How much of a large file may be in memory; 24 MiB where nothing is said. */
  memoryBytes?: number;
  /** The path of a name with characters that mean something in the store's paths. */
  pathOf?(name: string): string;
}

const allCapabilities: Capability[] = [
  'list',
  'read',
  'write',
  'query',
  'request',
  'send',
  'describe',
  'remove',
  'removeFiles',
  'makeFolder',
  'copy',
  'checkpoint',
];

const oddNames = [
  'with space.csv',
  ' leading and trailing ',
  'ünïcödé-日本語-עברית.csv',
  'emoji-🎉-👩‍👩‍👧.bin',
  'hash#mark.csv',
  'question?mark=1&b=2.csv',
  'percent%41%zz.csv',
  '+plus+.csv',
  `quotes'"\`.csv`,
  'brackets[1](2){3}.csv',
  'star*.csv',
  'back\\slash.csv',
  'colon:semi;comma,.csv',
  '.hidden',
  '~tilde',
  '-dash',
  'new\nline',
  'a'.repeat(200),
  '語'.repeat(80),
];

const mib = 1024 * 1024;

export function describeStorage(name: string, suite: StorageSuite): void {
  const { connector, folders, memoryBytes = 24 * mib } = suite;
  const can = (capability: Capability) => connector.capabilities.includes(capability);
  const pathOf = suite.pathOf ?? ((path: string) => path);
  const open = async () => {
    const storage = await suite.open();
    onTestFinished(async () => {
      await storage.connection.close();
      await storage.close();
    });
    return storage;
  };

  describe(`${name} as a storage`, () => {
    test('has what it declares, and nothing else', async () => {
      const { connection } = await open();
      const present = allCapabilities.filter((capability) => typeof connection[capability] === 'function');
      expect(present.sort()).toEqual([...connector.capabilities].sort());
      expect(connector.stores).toBe('files');
    });

    test('can be reached', async () => {
      const { connection } = await open();
      expect(await connection.verify({ signal: never })).toEqual({ ok: true });
    });

    describe('write and read', () => {
      test.each([0, 1, 70_000])('%i bytes', async (bytes) => {
        const { connection, contents } = await open();
        const content = pattern(bytes);
        const progress: (number | undefined)[] = [];
        const report = await put(connection, 'one.csv', content, { onProgress: (sent) => progress.push(sent.bytes) });
        expect(report.bytes).toBe(bytes);
        expect(report.paths).toHaveLength(1);
        expect(report.paths[0]).toMatch(/one\.csv$/);
        if (bytes > 0) expect(progress.at(-1)).toBe(bytes);
        expect(await contents()).toEqual(['one.csv']);
        const item = await itemAt(connection, 'one.csv');
        expect(item).toMatchObject({ name: 'one.csv', size: bytes, contentType: expect.stringContaining('text/csv') });
        expect(item.path).toMatch(/one\.csv$/);
        expect(Math.abs(Date.parse(item.modified!) - Date.now())).toBeLessThan(60_000);
        expect(await get(connection, 'one.csv')).toEqual(content);
      });

      test.each(oddNames)('a file named %j', async (odd) => {
        const { connection, contents } = await open();
        await put(connection, pathOf(odd), odd);
        expect(await contents()).toEqual([odd]);
        const item = await itemAt(connection, pathOf(odd));
        expect(item.name).toBe(odd);
        expect(Buffer.concat(await collect(item.open())).toString()).toBe(odd);
        if (can('list')) {
          const [entry] = await collect(connection.list!('', { signal: never }));
          expect(entry!.name).toBe(odd);
          expect(await text(connection, entry!.path)).toBe(odd);
        }
        if (can('remove')) {
          await connection.remove!(pathOf(odd), { signal: never });
          expect(await contents()).toEqual([]);
        }
      });

      test('64 MiB both ways, with a bounded part of them in memory', async () => {
        const { connection } = await open();
        const chunk = pattern(64 * 1024);
        const total = 64 * mib;
        const before = bytesInUse();
        let most = 0;
        let sent = 0;
        let furthest = 0;
        const written = createHash('sha256');
        const source = async function* () {
          for (let made = 0; made < total; made += chunk.length) {
            chunk.writeUInt32LE(made, 0);
            const copy = Buffer.from(chunk);
            written.update(copy);
            furthest = Math.max(furthest, made - sent);
            if (made % (8 * mib) === 0) most = Math.max(most, bytesInUse() - before);
            yield copy;
          }
        };
        const progress = ({ bytes }: { bytes?: number }) => {
          sent = bytes!;
        };
        await connection.write!(
          'big.bin',
          streamOf(fileOf('big.bin', source())),
          writeOptions({ onProgress: progress }),
        );
        expect(sent).toBe(total);
        expect(furthest).toBeLessThan(memoryBytes);

        const read = createHash('sha256');
        let received = 0;
        for await (const piece of (await itemAt(connection, 'big.bin')).open()) {
          read.update(piece);
          const crossed = Math.floor(received / (8 * mib)) !== Math.floor((received + piece.length) / (8 * mib));
          received += piece.length;
          if (crossed) most = Math.max(most, bytesInUse() - before);
        }
        expect(received).toBe(total);
        expect(read.digest('hex')).toBe(written.digest('hex'));
        expect(most).toBeLessThan(memoryBytes);
      });

      test('chunks of every size', async () => {
        const { connection } = await open();
        const content = pattern(3 * mib + 17);
        const pieces = async function* () {
          for (let at = 0, size = 1; at < content.length; at += size, size = (size * 3) % 700_001) {
            yield content.subarray(at, at + size);
            yield new Uint8Array(0);
            if (size === 0) size = 1;
          }
        };
        await connection.write!('pieces', streamOf(fileOf('pieces', pieces())), writeOptions());
        expect((await get(connection, 'pieces')).equals(content)).toBe(true);
      });

      test('ranges', async () => {
        const { connection } = await open();
        const content = pattern(2 * mib + 5);
        await put(connection, 'ranges', content);
        const item = await itemAt(connection, 'ranges');
        const ends = [0, 1, 10, 65_536, mib, 2 * mib, content.length - 1, content.length, content.length + 9];
        for (const start of ends) {
          for (const end of [...ends, undefined]) {
            const got = Buffer.concat(await collect(item.open({ start, ...(end === undefined ? {} : { end }) })));
            const expected = content.subarray(start, end === undefined ? undefined : Math.max(start, end));
            expect(got.equals(expected), `${start} to ${end}: ${got.length} bytes for ${expected.length}`).toBe(true);
          }
        }
      });

      test('a file can be opened again, and twice at once', async () => {
        const { connection } = await open();
        const content = pattern(300_000);
        await put(connection, 'twice', content);
        const item = await itemAt(connection, 'twice');
        const both = await Promise.all([collect(item.open()), collect(item.open())]);
        for (const chunks of [...both, await collect(item.open())]) {
          expect(Buffer.concat(chunks).equals(content)).toBe(true);
        }
      });

      test('a reader may stop early', async () => {
        const { connection } = await open();
        await put(connection, 'early', pattern(4 * mib));
        for await (const _ of (await itemAt(connection, 'early')).open()) break;
        expect((await get(connection, 'early')).length).toBe(4 * mib);
      });

      test('a file that may be read in ranges', async () => {
        const { connection, contents } = await open();
        const content = pattern(11 * mib + 3);
        const parts = { bytes: 5 * mib, atOnce: 2, resume: () => 'version 1' };
        const item = (bytes: Buffer) => ({
          ...fileOf('a', bytes, { size: content.length }),
          async *open(range?: Range) {
            yield bytes.subarray(range?.start ?? 0, range?.end);
          },
        });
        await connection.write!('whole', streamOf(item(content)), writeOptions({ parts }));
        expect((await get(connection, 'whole')).equals(content)).toBe(true);
        const short = streamOf(item(content.subarray(0, 10 * mib)));
        await failureOf(connection.write!('short', short, writeOptions({ parts })));
        expect(await contents()).toEqual(['whole']);
      });

      test('what is not there', async () => {
        const { connection } = await open();
        await put(connection, 'there.csv', 'x');
        const error = await failureOf(connection.read!('not-there.csv', { signal: never }));
        expect(error).toMatchObject({ code: 'NOT_FOUND', message: expect.stringContaining('not-there.csv') });
      });
    });

    test('what may not be done is told as such, and leaves nothing', async ({ skip }) => {
      const { connection, contents, deny } = await open();
      if (deny === undefined) return skip('this store cannot be told to refuse');
      await put(connection, 'closed/a.csv', 'a');
      await put(connection, 'b.csv', 'b');
      const { connection: other, code = 'PERMISSION_DENIED', allow } = await deny(connection, 'closed');
      const o = { signal: never };
      const attempts: Record<string, () => Promise<unknown>> = {
        read: () => get(other, 'closed/a.csv'),
        write: () => put(other, 'closed/new.csv', 'new'),
        'write in place of a file': () => put(other, 'closed/a.csv', 'other'),
        'write much': () => put(other, 'closed/large.csv', pattern(12 * mib)),
      };
      if (can('list')) attempts.list = () => collect(other.list!('closed', o));
      if (can('describe')) attempts.describe = () => other.describe!('closed/a.csv', o);
      if (can('remove')) attempts.remove = () => other.remove!('closed/a.csv', o);
      if (can('makeFolder')) attempts.makeFolder = () => other.makeFolder!('closed/folder', o);
      if (can('copy')) attempts.copy = () => other.copy!('closed/a.csv', 'c.csv', o);
      try {
        for (const [name, attempt] of Object.entries(attempts)) {
          const refused = { code, retry: false, message: expect.stringContaining('closed') };
          expect(await failureOf(attempt()), name).toMatchObject(refused);
        }
        expect(await text(other, 'b.csv')).toBe('b');
      } finally {
        await allow();
      }
      expect(await contents()).toEqual(['b.csv', 'closed/a.csv']);
      expect(await text(connection, 'closed/a.csv')).toBe('a');
    });

    describe('modes', () => {
      test.each(['default', 'replace'] as const)('%s puts a new file in the place of the old', async (mode) => {
        const { connection, contents } = await open();
        await put(connection, 'a.csv', 'a long first content', { mode });
        await put(connection, 'a.csv', 'short', { mode });
        expect(await text(connection, 'a.csv')).toBe('short');
        expect(await contents()).toEqual(['a.csv']);
      });

      test('create refuses what is there', async () => {
        const { connection, contents } = await open();
        await put(connection, 'a.csv', 'first', { mode: 'create' });
        const error = await failureOf(put(connection, 'a.csv', 'second', { mode: 'create' }));
        expect(error).toMatchObject({ code: 'TARGET_EXISTS', message: expect.stringContaining('a.csv') });
        expect(await text(connection, 'a.csv')).toBe('first');
        expect(await contents()).toEqual(['a.csv']);
      });

      test.runIf(suite.exclusive)('create refuses what came while it was writing', async () => {
        const { connection, contents } = await open();
        const beforeCommit = async () => {
          await put(connection, 'a.csv', 'the other');
        };
        const error = await failureOf(put(connection, 'a.csv', 'mine', { mode: 'create', beforeCommit }));
        expect(error.code).toBe('TARGET_EXISTS');
        expect(await text(connection, 'a.csv')).toBe('the other');
        expect(await contents()).toEqual(['a.csv']);
      });

      test('append adds, or is refused', async () => {
        const { connection, contents } = await open();
        await put(connection, 'a.csv', 'one,');
        if (suite.append) {
          await put(connection, 'a.csv', 'two,', { mode: 'append' });
          await put(connection, 'a.csv', 'three', { mode: 'append' });
          expect(await text(connection, 'a.csv')).toBe('one,two,three');
          await put(connection, 'b.csv', 'new', { mode: 'append' });
          expect(await text(connection, 'b.csv')).toBe('new');
          expect(await contents()).toEqual(['a.csv', 'b.csv']);
        } else {
          const error = await failureOf(put(connection, 'a.csv', 'two', { mode: 'append' }));
          expect(error.code).toBe('OPTION_UNSUPPORTED');
          expect(await text(connection, 'a.csv')).toBe('one,');
        }
      });

      test('upsert is refused', async () => {
        const { connection, contents } = await open();
        const error = await failureOf(put(connection, 'a.csv', 'x', { mode: 'upsert', key: ['id'] }));
        expect(error.code).toBe('OPTION_UNSUPPORTED');
        expect(await contents()).toEqual([]);
      });
    });

    describe('all or nothing', () => {
      const modes = suite.append ? (['replace', 'append'] as const) : (['replace'] as const);
      const failing = async function* (reason: unknown) {
        for (let i = 0; i < 5; i++) yield pattern(mib, i + 1);
        throw reason;
      };

      test.each(modes)('%s: nobody sees it before the commit', async (mode) => {
        const { connection } = await open();
        await put(connection, 'old', 'old');
        const seen: string[] = [];
        const beforeCommit = async () => {
          seen.push(await text(connection, 'old'));
          seen.push(await text(connection, 'new').catch((error) => error.code));
        };
        await connection.write!('old', streamOf(fileOf('old', pattern(3 * mib))), writeOptions({ mode, beforeCommit }));
        await connection.write!('new', streamOf(fileOf('new', pattern(3 * mib))), writeOptions({ mode, beforeCommit }));
        expect([seen[0], seen[1], seen[3]]).toEqual(['old', 'NOT_FOUND', 'NOT_FOUND']);
        expect((await get(connection, 'new')).length).toBe(3 * mib);
      });

      test.each(modes)('%s: a source that fails', async (mode) => {
        const { connection, contents } = await open();
        await put(connection, 'old', 'old');
        const reason = failure('INPUT_TRUNCATED', { path: 'x', reason: 'of the test' });
        for (const path of ['old', 'new', 'deep/er/new']) {
          const stream = streamOf(fileOf(path, failing(reason)));
          await expect(connection.write!(path, stream, writeOptions({ mode }))).rejects.toBe(reason);
        }
        expect(await text(connection, 'old')).toBe('old');
        expect(await contents()).toEqual(['old']);
      });

      test.each(modes)('%s: a run that fails elsewhere before the commit', async (mode) => {
        const { connection, contents } = await open();
        await put(connection, 'old', 'old');
        const reason = failure('PIPE_FAILED', { message: 'of the test' });
        const beforeCommit = () => Promise.reject(reason);
        for (const path of ['old', 'new']) {
          for (const size of [10, 3 * mib]) {
            await expect(put(connection, path, pattern(size), { mode, beforeCommit })).rejects.toBe(reason);
          }
        }
        expect(await text(connection, 'old')).toBe('old');
        expect(await contents()).toEqual(['old']);
      });

      test.each(modes)('%s: an abort while it is writing', async (mode) => {
        const { connection, contents } = await open();
        await put(connection, 'old', 'old');
        const reason = failure('INTERRUPTED');
        for (const path of ['old', 'new']) {
          const controller = new AbortController();
          const source = async function* () {
            for (let i = 0; ; i++) {
              if (i === 4) controller.abort(reason);
              yield pattern(mib, i + 1);
            }
          };
          const stream = streamOf(fileOf(path, source()));
          await expect(connection.write!(path, stream, writeOptions({ mode, signal: controller.signal }))).rejects.toBe(
            reason,
          );
        }
        expect(await text(connection, 'old')).toBe('old');
        expect(await contents()).toEqual(['old']);
      });

      test('an abort while it is reading', async () => {
        const { connection } = await open();
        await put(connection, 'big', pattern(8 * mib));
        const controller = new AbortController();
        const reason = failure('INTERRUPTED');
        const item = await itemAt(connection, 'big', controller.signal);
        let received = 0;
        const reading = async () => {
          for await (const chunk of item.open()) {
            received += chunk.length;
            controller.abort(reason);
          }
        };
        await expect(reading()).rejects.toBe(reason);
        expect(received).toBeLessThan(8 * mib);
        const again = await failureOf(collect(item.open()));
        expect(again).toBe(reason);
      });

      test('a signal that is aborted already', async () => {
        const { connection, contents } = await open();
        const reason = failure('INTERRUPTED');
        const signal = AbortSignal.abort(reason);
        await expect(put(connection, 'a', 'a', { signal })).rejects.toBe(reason);
        await expect(itemAt(connection, 'a', signal)).rejects.toBe(reason);
        expect(await contents()).toEqual([]);
      });
    });

    describe('several files at once', () => {
      const named = (...names: string[]) => names.map((each) => fileOf(each, `in ${each}`));

      test('into one file are refused', async () => {
        const { connection, contents } = await open();
        const error = await failureOf(connection.write!('one', streamOf(...named('a', 'b')), writeOptions()));
        expect(error).toMatchObject({ code: 'PATH_INVALID', message: expect.stringContaining('several') });
        expect(await contents()).toEqual([]);
      });

      test('none at all is nothing', async () => {
        const { connection, contents } = await open();
        expect(await connection.write!('one', streamOf(), writeOptions())).toMatchObject({ paths: [] });
        expect(await contents()).toEqual([]);
      });

      if (!suite.severalFiles) return;

      test('into a folder keep their names', async () => {
        const { connection, contents } = await open();
        const items = [...named('a.csv', 'b.csv'), fileOf('c.csv', 'in c.csv', { relativePath: 'deep/er/c.csv' })];
        const seen: string[][] = [];
        const beforeCommit = async () => {
          seen.push(
            await Promise.all(['out/a.csv', 'out/b.csv'].map((path) => text(connection, path).catch((e) => e.code))),
          );
        };
        const report = await connection.write!('out/', streamOf(...items), writeOptions({ beforeCommit }));
        expect(seen).toEqual([['NOT_FOUND', 'NOT_FOUND']]);
        expect(report.paths).toHaveLength(3);
        expect(await contents()).toEqual(['out/a.csv', 'out/b.csv', 'out/deep/er/c.csv']);
        expect(await text(connection, 'out/deep/er/c.csv')).toBe('in c.csv');
      });

      test('each is read before the next where its bytes come once', async () => {
        const { connection } = await open();
        let going = 0;
        const items = async function* (): AsyncGenerator<FileItem> {
          for (let i = 0; i < 20; i++) {
            const bytes = async function* () {
              going++;
              yield Buffer.from(`${i}`);
              yield Buffer.from('!');
              going--;
            };
            yield fileOf(`f${i}`, bytes(), { once: true });
            expect(going).toBe(0);
          }
        };
        await connection.write!('out/', { kind: 'files', files: items() }, writeOptions());
        expect(await text(connection, 'out/f19')).toBe('19!');
      });

      test('one that fails takes the others with it', async () => {
        const { connection, contents } = await open();
        const reason = failure('INPUT_TRUNCATED', { path: 'x', reason: 'of the test' });
        const broken = fileOf(
          'z',
          (async function* () {
            yield Buffer.from('half');
            throw reason;
          })(),
        );
        const stream = streamOf(...named('a', 'b', 'c', 'd', 'e', 'f'), broken, ...named('g'));
        await expect(connection.write!('out/', stream, writeOptions())).rejects.toBe(reason);
        expect(await contents()).toEqual([]);
      });

      test('two of one name are refused', async () => {
        const { connection, contents } = await open();
        const error = await failureOf(connection.write!('out/', streamOf(...named('a', 'b', 'a')), writeOptions()));
        expect(error).toMatchObject({ code: 'PATH_INVALID', message: expect.stringContaining('twice') });
        expect(await contents()).toEqual([]);
      });

      test.each(['../a', 'b/../../a', '/a', 'b//a', '.', ''])('a name that leads out is refused: %j', async (bad) => {
        const { connection, contents } = await open();
        const error = await failureOf(
          connection.write!('out/', streamOf(fileOf('a', 'a', { relativePath: bad })), writeOptions()),
        );
        expect(error.code).toBe('PATH_INVALID');
        expect(await contents()).toEqual([]);
      });
    });

    if (can('list')) {
      describe('list', () => {
        const fill = async (connection: AnyConnection, names: string[], folder = '') => {
          const items = names.map((each) => fileOf(each.split('/').at(-1)!, each, { relativePath: each }));
          await connection.write!(folder, streamOf(...items), writeOptions());
        };
        const names = (entries: Entry[], kind: Entry['kind'] = 'file') =>
          entries.filter((entry) => entry.kind === kind).map((entry) => entry.path);
        const signal = never;

        test('an empty store', async () => {
          const { connection } = await open();
          expect(await collect(connection.list!('', { signal }))).toEqual([]);
        });

        test('only what is in the folder itself, or everything below', async () => {
          const { connection } = await open();
          await fill(connection, ['a.csv', 'b/c.csv', 'b/d/e.csv', 'b-f.csv', 'z/y.csv']);
          const top = await collect(connection.list!('', { signal }));
          expect(names(top).sort()).toEqual(['a.csv', 'b-f.csv']);
          expect(names(top, 'folder').sort()).toEqual(['b', 'z']);
          const inB = await collect(connection.list!('b', { signal }));
          expect([names(inB), names(inB, 'folder')]).toEqual([['b/c.csv'], ['b/d']]);
          const all = await collect(connection.list!('', { signal, recursive: true }));
          expect(names(all).sort()).toEqual(['a.csv', 'b-f.csv', 'b/c.csv', 'b/d/e.csv', 'z/y.csv']);
          const below = await collect(connection.list!('b/', { signal, recursive: true }));
          expect(names(below).sort()).toEqual(['b/c.csv', 'b/d/e.csv']);
        });

        test('in the order of paths when asked', async () => {
          const { connection } = await open();
          await fill(connection, ['b/c', 'b.x', 'b-1', 'b0', 'a', 'C', 'b/a/z', 'é', 'b/0']);
          const all = await collect(connection.list!('', { signal, recursive: true, sorted: true }));
          expect(names(all)).toEqual(['C', 'a', 'b-1', 'b.x', 'b/0', 'b/a/z', 'b/c', 'b0', 'é']);
        });

        test('entries tell size, time and type, and can be opened', async () => {
          const { connection } = await open();
          await fill(connection, ['in/a.json']);
          const [entry] = await collect(connection.list!('in', { signal }));
          expect(entry).toMatchObject({ kind: 'file', name: 'a.json', path: 'in/a.json', size: 9 });
          expect(Math.abs(Date.parse(entry!.modified!) - Date.now())).toBeLessThan(60_000);
          if (entry!.open)
            expect(Buffer.concat(await collect(entry!.open({ start: 3, end: 7 }))).toString()).toBe('a.js');
        });

        test('a thousand and one files', async () => {
          const { connection } = await open();
          const many = Array.from({ length: 1001 }, (_, i) => `f${String(i).padStart(4, '0')}`);
          await fill(connection, many, 'many/');
          const paths = many.map((each) => `many/${each}`);
          expect(names(await collect(connection.list!('many', { signal }))).sort()).toEqual(paths);
          expect(names(await collect(connection.list!('many', { signal, sorted: true })))).toEqual(paths);
        });

        test('stops when it is aborted', async () => {
          const { connection } = await open();
          await fill(connection, ['a', 'b', 'c']);
          const reason = failure('INTERRUPTED');
          const aborted = AbortSignal.abort(reason);
          await expect(collect(connection.list!('', { signal: aborted, recursive: true }))).rejects.toBe(reason);
        });

        test.runIf(folders)('a folder that is not there, and one that is empty', async () => {
          const { connection } = await open();
          await connection.makeFolder!('empty', { signal });
          expect(await collect(connection.list!('empty', { signal, recursive: true }))).toEqual([]);
          const error = await failureOf(collect(connection.list!('emtpy', { signal })));
          expect(error).toMatchObject({ code: 'NOT_FOUND', message: expect.stringContaining('emtpy') });
        });
      });
    }

    if (can('describe')) {
      test('describe tells size, time and type', async () => {
        const { connection } = await open();
        await put(connection, 'in/a.json', '[1,2,3]');
        const description = await connection.describe!('in/a.json', { signal: never });
        expect(description).toMatchObject({
          kind: 'file',
          size: 7,
          contentType: expect.stringContaining('application/json'),
        });
        expect(Math.abs(Date.parse(description.modified!) - Date.now())).toBeLessThan(60_000);
        const error = await failureOf(connection.describe!('in/b.json', { signal: never }));
        expect(error).toMatchObject({ code: 'NOT_FOUND', message: expect.stringContaining('in/b.json') });
      });
    }

    if (can('remove')) {
      test('remove takes away one file, and says when there is none', async () => {
        const { connection, contents } = await open();
        await put(connection, 'in/a', 'a');
        await put(connection, 'in/b', 'b');
        await connection.remove!('in/a', { signal: never });
        expect(await contents()).toEqual(['in/b']);
        const error = await failureOf(connection.remove!('in/a', { signal: never }));
        expect(error).toMatchObject({ code: 'NOT_FOUND', message: expect.stringContaining('in/a') });
        if (!folders) return;
        expect((await failureOf(connection.remove!('in', { signal: never }))).code).toBe('FOLDER_NOT_EMPTY');
        await connection.remove!('in/b', { signal: never });
        await connection.remove!('in', { signal: never });
        expect(await collect(connection.list!('', { signal: never }))).toEqual([]);
      });
    }

    if (can('removeFiles')) {
      test('removeFiles removes those that are named, and no others', async () => {
        const { connection, contents } = await open();
        const named = ['in/a b.csv', 'in/<&>"\'.csv', 'in/tab\there', 'ünï/日本.csv', ' blank '];
        for (const path of [...named, 'in/a', 'stays.csv']) await put(connection, path, 'x');
        await connection.removeFiles!([...named, 'in/none'], { signal: never });
        expect(await contents()).toEqual(['in/a', 'stays.csv']);
        await connection.removeFiles!([], { signal: never });
      });
    }

    if (can('copy')) {
      test('copy puts the same bytes in another place', async () => {
        const { connection, contents } = await open();
        await put(connection, 'in/a b.csv', 'a');
        await put(connection, 'out/c.csv', 'before');
        const o = { signal: never };
        expect((await connection.copy!('in/a b.csv', 'out/c.csv', o)).paths).toHaveLength(1);
        expect(await text(connection, 'out/c.csv')).toBe('a');
        expect(await contents()).toEqual(['in/a b.csv', 'out/c.csv']);
        expect((await failureOf(connection.copy!('in/none', 'out/d', o))).code).toBe('NOT_FOUND');
      });
    }

    if (can('makeFolder')) {
      test('makeFolder makes it with those above, once or again', async () => {
        const { connection } = await open();
        await connection.makeFolder!('a/b/c', { signal: never });
        await connection.makeFolder!('a/b/c', { signal: never });
        expect(await connection.describe!('a/b/c', { signal: never })).toMatchObject({ kind: 'folder' });
        await put(connection, 'a/b/c/d', 'd');
        await connection.makeFolder!('a/b/c', { signal: never });
        expect(await text(connection, 'a/b/c/d')).toBe('d');
        if (folders) {
          const error = await failureOf(connection.makeFolder!('a/b/c/d', { signal: never }));
          expect(error).toMatchObject({ code: 'PATH_INVALID', message: expect.stringContaining('a/b/c/d') });
        }
      });
    }
  });
}
