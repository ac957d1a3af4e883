// archive and unarchive: there and back, by other hands' readers and writers, and what is refused.
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { buffer } from 'node:stream/consumers';
import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { extract, type Header, pack } from 'tar-stream';
import { describe, expect, it } from 'vitest';
import yauzl from 'yauzl';
import yazl from 'yazl';
import type { FileItem, Stream } from '../../../engine/contracts/data.ts';
import { collect, collectFiles, columnsOf, createFiles, failureOf, filesOf, rowsOf, run } from './context.ts';

async function onlyFile(stream: Stream | undefined): Promise<{ file: FileItem; bytes: Buffer }> {
  if (stream?.kind !== 'files') throw new Error('files were expected');
  const found: { file: FileItem; bytes: Buffer }[] = [];
  for await (const file of stream.files) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of file.open()) chunks.push(chunk);
    found.push({ file, bytes: Buffer.concat(chunks) });
  }
  expect(found).toHaveLength(1);
  return found[0]!;
}

async function unzip(bytes: Buffer): Promise<Record<string, { text: string; modified: string; method: number }>> {
  const zip = await yauzl.fromBufferPromise(bytes);
  const found: Record<string, { text: string; modified: string; method: number }> = {};
  for await (const entry of zip.eachEntry()) {
    const content = await buffer(await zip.openReadStreamPromise(entry));
    found[entry.fileName] = {
      text: content.toString(),
      modified: entry.getLastModDate().toISOString(),
      method: entry.compressionMethod,
    };
  }
  return found;
}

async function untar(bytes: Buffer): Promise<Record<string, string>> {
  const tar = extract();
  tar.end(bytes);
  const found: Record<string, string> = {};
  for await (const entry of tar) found[entry.header.name] = (await buffer(entry)).toString();
  return found;
}

interface ZipEntry {
  name: string;
  bytes: Uint8Array | string;
  mode?: number;
}

async function zipOf(...entries: ZipEntry[]): Promise<Buffer> {
  const zip = new yazl.ZipFile();
  // yazl refuses the names that are tested here, so that they are put in afterwards: in both places where a name stands.
  const stand = (at: number) => String(at).padStart(Buffer.byteLength(entries[at]!.name), '~');
  for (const [at, { bytes, mode }] of entries.entries()) {
    zip.addBuffer(Buffer.from(bytes), stand(at), mode === undefined ? {} : { mode });
  }
  zip.end();
  let text = (await buffer(zip.outputStream)).toString('latin1');
  for (const [at, { name }] of entries.entries()) {
    text = text.replaceAll(stand(at), () => Buffer.from(name).toString('latin1'));
  }
  return Buffer.from(text, 'latin1');
}

async function tarOf(...entries: (Partial<Header> & { name: string; bytes?: string | Uint8Array })[]): Promise<Buffer> {
  const tar = pack();
  for (const { bytes = '', ...header } of entries) tar.entry(header, Buffer.from(bytes));
  tar.finalize();
  return buffer(tar);
}

const long = 'lorem ipsum '.repeat(60_000);
const content = { 'a.csv': 'x\n1\n', 'deep/ü b.txt': 'ö', 'empty.txt': '', 'long.txt': long };

describe('archive', () => {
  it.each([false, true])('makes a zip that others can read (sizes unknown: %s)', async (once) => {
    const { output } = await run('archive', { name: 'out/all.zip' }, filesOf(content, once));
    const { file, bytes } = await onlyFile(output);
    expect(file).toMatchObject({ name: 'all.zip', path: 'out/all.zip', contentType: 'application/zip', once: true });
    const read = await unzip(bytes);
    expect(Object.fromEntries(Object.entries(read).map(([name, { text }]) => [name, text]))).toEqual(content);
    expect(bytes.length).toBeLessThan(long.length / 20);
  });

  it('keeps times, and stores without compression at level 0', async () => {
    const files = createFiles({ 'in/long.txt': long, 'in/short.txt': 'abc' });
    const { output } = await run('read', { path: 'in/*' }, undefined, { files });
    const { output: archive } = await run('archive', { name: 'a.zip', level: 0 }, output);
    const { bytes } = await onlyFile(archive);
    expect(bytes.length).toBeGreaterThan(long.length);
    const { 'long.txt': entry, 'short.txt': short } = await unzip(bytes);
    expect(entry).toMatchObject({ text: long });
    expect(short).toMatchObject({ text: 'abc', method: 0 });
    expect(Math.abs(Date.parse(entry!.modified) - Date.now())).toBeLessThan(60_000);
  });

  it.each([false, true])('makes tar archives (sizes unknown: %s)', async (once) => {
    const plain = await onlyFile((await run('archive', { name: 'all.tar' }, filesOf(content, once))).output);
    expect(await untar(plain.bytes)).toEqual(content);
    const packed = await onlyFile((await run('archive', { name: 'all.tgz', level: 9 }, filesOf(content, once))).output);
    expect(packed.file).toMatchObject({ name: 'all.tgz', contentType: 'application/gzip' });
    expect(await untar(gunzipSync(packed.bytes))).toEqual(content);
    expect(readdirSync(tmpdir()).filter((name) => /^pipewright-[0-9a-f]{8}-/.test(name))).toEqual([]);
  });

  it('compresses one file', async () => {
    const { bytes } = await onlyFile((await run('archive', { name: 'a.csv.gz' }, filesOf({ 'a.csv': long }))).output);
    expect(gunzipSync(bytes).toString()).toBe(long);
    const several = await run('archive', { name: 'a.gz' }, filesOf({ a: '1', b: '2' }));
    expect(await failureOf(onlyFile(several.output))).toMatch(/^PATH_INVALID .* several came in; make it a \.zip/);
    const none = await run('archive', { name: 'a.gz' }, filesOf({}));
    expect(await failureOf(onlyFile(none.output))).toMatch(/^INPUT_EMPTY/);
  });

  it('writes rows as a file first', async () => {
    const rows = () => rowsOf([{ x: 1 }, { x: 2 }], columnsOf({ x: 'integer' }));
    const zip = await onlyFile((await run('archive', { name: 'a.zip' }, rows())).output);
    expect(await unzip(zip.bytes)).toMatchObject({ 'data.csv': { text: 'x\n1\n2\n' } });
    const tar = await onlyFile((await run('archive', { name: 'a.tar', file: 'x.ndjson' }, rows())).output);
    expect(await untar(tar.bytes)).toEqual({ 'x.ndjson': '{"x":1}\n{"x":2}\n' });
  });

  it('refuses two files of one name, an unknown kind, and options that do not fit', async () => {
    const twice = async function* () {
      yield* (filesOf({ 'a/x': '1' }) as { files: AsyncIterable<FileItem> }).files;
      yield* (filesOf({ 'a/x': '2' }) as { files: AsyncIterable<FileItem> }).files;
    };
    for (const name of ['a.zip', 'a.tar']) {
      const { output } = await run('archive', { name }, { kind: 'files', files: twice() });
      expect(await failureOf(onlyFile(output))).toMatch(/^PATH_INVALID .*"a\/x" would be in the archive twice/);
    }
    expect(await failureOf(run('archive', { name: 'a.rar' }, filesOf({})))).toMatch(/^PATH_INVALID .*kind of archive/);
    expect(await failureOf(run('archive', { name: 'a.rar', kind: 'zip' }, filesOf({})))).toBe('no failure');
    expect(await failureOf(run('archive', { name: 'a.tar', level: 9 }, filesOf({})))).toMatch(
      /^OPTION_UNSUPPORTED `level`/,
    );
    expect(await failureOf(run('archive', { name: 'a.zip', format: 'csv' }, filesOf({})))).toMatch(
      /^OPTION_UNSUPPORTED `format`/,
    );
  });

  it.each(['a/../../evil.txt', 'a\0b', ''])(
    'refuses the name %j, which nobody should have to take out again',
    async (name) => {
      for (const archive of ['a.zip', 'a.tar', 'a.tar.gz']) {
        const making = run('archive', { name: archive }, filesOf({ [name]: 'x' })).then(({ output }) =>
          onlyFile(output),
        );
        expect(await failureOf(making)).toMatch(new RegExp(`^ARCHIVE_UNSAFE ${archive}: the entry `));
      }
    },
  );

  it('fails with the failure of a file, and when a tar entry is not as long as it said', async () => {
    const wrong = (size?: number) => {
      const files = async function* () {
        const open = async function* () {
          yield Buffer.from('abc');
          if (size === undefined) throw new Error('broken');
        };
        yield { name: 'a', path: 'in/a', contentType: 'x', ...(size === undefined ? {} : { size }), open } as FileItem;
      };
      return { kind: 'files', files: files() } as Stream;
    };
    for (const name of ['a.zip', 'a.tar', 'a.tar.gz', 'a.gz']) {
      await expect(onlyFile((await run('archive', { name }, wrong())).output)).rejects.toThrow('broken');
    }
    for (const size of [2, 4]) {
      const { output } = await run('archive', { name: 'a.tar' }, wrong(size));
      expect(await failureOf(onlyFile(output))).toBe(`IO_FAILED in/a: 3 bytes came where ${size} were announced`);
    }
  });

  it('stops reading when nobody wants more', async () => {
    let closed = 0;
    const files = async function* () {
      try {
        for (let at = 0; ; at++) {
          const open = async function* () {
            try {
              for (;;) yield Buffer.alloc(65_536, String(at));
            } finally {
              closed += 1;
            }
          };
          yield { name: `f${at}`, path: `f${at}`, contentType: 'x', once: true, open } as FileItem;
        }
      } finally {
        closed += 1;
      }
    };
    for (const name of ['a.zip', 'a.gz']) {
      closed = 0;
      const { output } = await run('archive', { name }, { kind: 'files', files: files() });
      if (output?.kind !== 'files') throw new Error('no files');
      for await (const file of output.files) for await (const chunk of file.open()) if (chunk.length > 0) break;
      expect(closed).toBe(2);
    }
  });
});

async function* one(bytes: Uint8Array) {
  yield bytes;
}

describe('unarchive', () => {
  const zipped = () => zipOf(...Object.entries(content).map(([name, bytes]) => ({ name, bytes })));
  const tarred = () =>
    tarOf({ name: 'deep/', type: 'directory' }, ...Object.entries(content).map(([name, bytes]) => ({ name, bytes })));

  it.each([false, true])('gives the files of zip, tar and gzip (from a stream: %s)', async (once) => {
    const from = async (name: string, bytes: Uint8Array, params = {}) =>
      collectFiles((await run('unarchive', params, filesOf({ [name]: bytes }, once))).output);
    expect(await from('a.zip', await zipped())).toEqual(content);
    expect(await from('a.tar', await tarred())).toEqual(content);
    expect(await from('a.tar.gz', gzipSync(await tarred()))).toEqual(content);
    expect(await from('a.csv.gz', gzipSync('x\n1\n'))).toEqual({ 'a.csv': 'x\n1\n' });
    expect(await from('noname', await zipped())).toEqual(content);
    expect(await from('noname', await tarred())).toEqual(content);
    expect(await from('noname', gzipSync('x'))).toEqual({ noname: 'x' });
    expect(await from('a.gz', gzipSync(await tarred()), { kind: 'tar.gz' })).toEqual(content);
    expect(await from('a.zip', await zipped(), { include: ['*.csv', 'deep/**'] })).toEqual({
      'a.csv': 'x\n1\n',
      'deep/ü b.txt': 'ö',
    });
    expect(await from('a.tar', await tarred(), { include: ['**/l*'] })).toEqual({ 'long.txt': long });
  });

  it('says of each file what the archive knows', async () => {
    const { output } = await run('unarchive', {}, filesOf({ 'in/a.zip': await zipped() }));
    if (output?.kind !== 'files') throw new Error('no files');
    for await (const file of output.files) {
      expect(file).toMatchObject({ name: 'a.csv', path: 'in/a.zip/a.csv', relativePath: 'a.csv', size: 4 });
      expect(Date.parse(file.modified!)).toBeGreaterThan(0);
      break;
    }
  });

  it('gives the files of several archives, to be decoded as rows', async () => {
    const archives = filesOf({
      'a.zip': await zipOf({ name: 'a.csv', bytes: 'x\n1\n' }),
      'b.tar': await tarOf({ name: 'b.csv', bytes: 'x\n2\n' }),
    });
    const { output } = await run('unarchive', {}, archives);
    const { output: rows } = await run('select', { columns: ['x'] }, output);
    expect(await collect(rows)).toEqual([{ x: '1' }, { x: '2' }]);
  });

  it('passes over what is not read, and lets zip entries be read later and by ranges', async () => {
    for (const name of ['a.tar', 'a.zip']) {
      const bytes = name === 'a.tar' ? await tarred() : await zipped();
      const { output } = await run('unarchive', {}, filesOf({ [name]: bytes }, name === 'a.tar'));
      if (output?.kind !== 'files') throw new Error('no files');
      const held: FileItem[] = [];
      for await (const file of output.files) {
        held.push(file);
        if (file.name === 'long.txt') for await (const chunk of file.open()) if (chunk.length > 0) break;
      }
      expect(held.map((file) => file.name)).toEqual(['a.csv', 'ü b.txt', 'empty.txt', 'long.txt']);
      if (name === 'a.tar') continue;
      const part: Uint8Array[] = [];
      for await (const chunk of held[3]!.open({ start: 700_000, end: 700_012 })) part.push(chunk);
      expect(Buffer.concat(part).toString()).toBe(long.slice(700_000, 700_012));
      expect(await buffer(held[0]!.open())).toEqual(Buffer.from('x\n1\n'));
    }
  });

  it('reads the directory of a zip in few requests', async () => {
    const bytes = await zipOf(
      ...Array.from({ length: 500 }, (_, at) => ({ name: `file-${1000 + at}.txt`, bytes: 'x' })),
    );
    let requests = 0;
    const open = (range?: { start: number; end?: number }) => {
      requests += 1;
      return one(bytes.subarray(range?.start, range?.end));
    };
    const file: FileItem = { name: 'a.zip', path: 'a.zip', contentType: 'x', size: bytes.length, open };
    const { output } = await run(
      'unarchive',
      {},
      {
        kind: 'files',
        files: (async function* () {
          yield file;
        })(),
      },
    );
    if (output?.kind !== 'files') throw new Error('no files');
    let count = 0;
    for await (const _ of output.files) count += 1;
    expect(count).toBe(500);
    expect(requests).toBeLessThan(5);
  });

  const refused = async (name: string, bytes: Uint8Array, params = {}, once = false) =>
    failureOf(run('unarchive', params, filesOf({ [name]: bytes }, once)).then(({ output }) => collectFiles(output)));

  it.each([
    ['../evil.txt', 'leads out of the archive with ".."'],
    ['a/../../evil.txt', 'leads out of the archive with ".."'],
    ['..\\evil.txt', 'leads out of the archive with ".."'],
    ['/etc/passwd', 'has an absolute path'],
    ['\\\\host\\share', 'has an absolute path'],
    ['C:\\evil.txt', 'has an absolute path'],
    ['a\0b', 'has a NUL character in its name'],
  ])('refuses the name %j', async (name, reason) => {
    const message = `ARCHIVE_UNSAFE a.zip: the entry "${name.replace('\0', '␀')}" ${reason}`;
    expect(await refused('a.zip', await zipOf({ name: 'good.txt', bytes: 'x' }, { name, bytes: 'x' }))).toBe(message);
    if (name.includes('\0')) return;
    expect(await refused('a.tar', await tarOf({ name, bytes: 'x' }))).toBe(message.replace('a.zip', 'a.tar'));
  });

  it('refuses links and devices', async () => {
    expect(await refused('a.zip', await zipOf({ name: 'link', bytes: '/etc/passwd', mode: 0o120777 }))).toBe(
      'ARCHIVE_UNSAFE a.zip: the entry "link" is a symbolic link',
    );
    for (const [type, reason] of [
      ['symlink', 'is a symbolic link'],
      ['link', 'is a hard link'],
      ['character-device', 'is a device'],
      ['fifo', 'is a pipe'],
    ] as const) {
      expect(await refused('a.tar', await tarOf({ name: 'x', type, linkname: 'y' }))).toBe(
        `ARCHIVE_UNSAFE a.tar: the entry "x" ${reason}`,
      );
    }
  });

  it.each([false, true])('refuses archives that grow beyond the limits (from a stream: %s)', async (once) => {
    const zeros = { name: 'zeros', bytes: new Uint8Array(3_000_000) };
    const archives = {
      'a.zip': await zipOf(zeros),
      'a.tar.gz': gzipSync(await tarOf(zeros)),
      'a.gz': gzipSync(zeros.bytes),
    };
    for (const [name, bytes] of Object.entries(archives)) {
      expect(await refused(name, bytes, { max_ratio: 100 }, once)).toMatch(
        /^ARCHIVE_UNSAFE .* over 100 times larger than it was; `max_ratio`/,
      );
      expect(await refused(name, bytes, { max_bytes: '2MB' }, once)).toMatch(
        /^ARCHIVE_UNSAFE .* over 2000000 bytes; `max_bytes`/,
      );
      expect(await refused(name, bytes, { max_ratio: 2000, max_bytes: '4MiB' }, once)).toBe('no failure');
    }
    const many = Array.from({ length: 11 }, (_, at) => ({ name: `file${10 + at}`, bytes: 'x' }));
    for (const [name, bytes] of Object.entries({ 'a.zip': await zipOf(...many), 'a.tar': await tarOf(...many) })) {
      expect(await refused(name, bytes, { max_entries: 10 }, once)).toBe(
        `ARCHIVE_UNSAFE ${name}: the entry "file20" is one more than 10; \`max_entries\` allows more`,
      );
    }
  });

  it('refuses a zip whose entries lie on top of each other', async () => {
    const bytes = await zipOf(
      { name: 'one', bytes: new Uint8Array(100_000) },
      { name: 'two', bytes: new Uint8Array(100_000) },
    );
    // The second entry of the directory is made to be the first one again, many times.
    const start = bytes.indexOf(Buffer.from('PK\x01\x02', 'latin1'));
    const end = bytes.indexOf(Buffer.from('PK\x05\x06', 'latin1'));
    const entry = bytes.subarray(start, bytes.indexOf(Buffer.from('PK\x01\x02', 'latin1'), start + 4));
    const directory = Buffer.concat(Array.from({ length: 200 }, () => entry));
    const tail = Buffer.from(bytes.subarray(end));
    tail.writeUInt16LE(200, 8);
    tail.writeUInt16LE(200, 10);
    tail.writeUInt32LE(directory.length, 12);
    expect(await refused('a.zip', Buffer.concat([bytes.subarray(0, start), directory, tail]))).toMatch(
      /^ARCHIVE_UNSAFE .*`max_ratio`/,
    );
  });

  it('tells damage from the rest', async () => {
    const zip = await zipOf({
      name: 'a.txt',
      bytes: Buffer.from(Array.from({ length: 5000 }, (_, at) => (at * 7919) % 251)),
    });
    const flipped = Buffer.from(zip);
    flipped[100]! ^= 0xff;
    expect(await refused('a.zip', flipped)).toMatch(/^INPUT_MALFORMED a\.zip\/a\.txt: /);
    expect(await refused('a.zip', zip.subarray(0, 200))).toMatch(
      /^INPUT_TRUNCATED a\.zip ends too early: the zip archive is cut off/,
    );
    expect(await refused('a.zip', Buffer.alloc(1000, 'x'))).toMatch(/^INPUT_/);
    expect(await refused('a.zip', Buffer.from(''))).toMatch(/^INPUT_/);
    const tar = await tarred();
    expect(await refused('a.tar', tar.subarray(0, 2000))).toMatch(/^INPUT_TRUNCATED a\.tar ends too early/);
    expect(await refused('a.tar', Buffer.alloc(2048, 'x'))).toMatch(/^INPUT_MALFORMED a\.tar: is no tar archive/);
    expect(await refused('a.tar.gz', gzipSync(tar).subarray(0, 1000))).toMatch(/^INPUT_TRUNCATED/);
    expect(await refused('a.gz', Buffer.from('hello'))).toMatch(/^INPUT_MALFORMED/);
    expect(await refused('what', Buffer.from('hello'))).toBe(
      'INPUT_MALFORMED what: is no zip, tar or gzip archive; say `kind` if it is one',
    );
    expect(await failureOf(run('unarchive', {}, rowsOf([])))).toMatch(/^OPTION_UNSUPPORTED/);
  });

  it('gives back any files that were archived', async () => {
    const name = fc
      .stringMatching(/^[a-zé0-9 _-]{1,12}(\/[a-z0-9_-]{1,8}){0,2}$/)
      .filter((text) => text.trim() === text);
    const files = fc.dictionary(name, fc.uint8Array({ maxLength: 2000 }), { maxKeys: 6 });
    await fc.assert(
      fc.asyncProperty(
        files,
        fc.constantFrom('a.zip', 'a.tar', 'a.tgz'),
        fc.boolean(),
        async (given, archive, once) => {
          const { output } = await run('archive', { name: archive }, filesOf(given, once));
          const { output: back } = await run('unarchive', {}, output);
          const expected = Object.fromEntries(
            Object.entries(given).map(([key, bytes]) => [key, Buffer.from(bytes).toString()]),
          );
          expect(await collectFiles(back)).toEqual(expected);
        },
      ),
      { numRuns: 60 },
    );
  });
});
