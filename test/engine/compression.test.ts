// Compression around a stream of bytes, with zlib's one-shot functions as the oracle.
import { randomBytes } from 'node:crypto';
import {
  brotliCompressSync,
  brotliDecompressSync,
  deflateRawSync,
  deflateSync,
  gunzipSync,
  gzipSync,
  inflateSync,
} from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Compression,
  compress,
  compressionOf,
  decompress,
  nameWithoutCompression,
} from '../../engine/compression.ts';
import { chunksOf, collect, contextFor, failureOf, watched } from '../conformance/streams.ts';

const context = contextFor('in/a.csv.gz');
const sample = Buffer.from('id,name\n1,Ada\n2,Grace\n'.repeat(40));

async function read(bytes: Uint8Array, compressions: Compression[], size = 65_536): Promise<Buffer> {
  return Buffer.concat(await collect(decompress(chunksOf(bytes, [size]), compressions, context)));
}

async function written(bytes: Uint8Array, compressions: Compression[], size = 65_536): Promise<Buffer> {
  return Buffer.concat(await collect(compress(chunksOf(bytes, [size]), compressions, context)));
}

describe('compressionOf', () => {
  test.each([
    ['a.csv', undefined, []],
    ['a.csv.gz', undefined, ['gzip']],
    ['a.CSV.GZ', undefined, ['gzip']],
    ['a.csv.br', undefined, ['brotli']],
    ['a.csv.br.gz', undefined, ['gzip', 'brotli']],
    ['a.csv', 'gzip', ['gzip']],
    ['a.csv', 'X-Gzip', ['gzip']],
    ['a.csv', 'br', ['brotli']],
    ['a.csv', 'deflate', ['deflate']],
    ['a.csv', 'identity', []],
    ['a.csv', 'gzip, br', ['brotli', 'gzip']],
    ['a.csv.gz', 'gzip', ['gzip']],
    ['a.csv.gz', 'br', ['brotli', 'gzip']],
    ['https://host/a.csv.gz?version=2.br', undefined, ['gzip']],
    ['data.gz/a.csv', undefined, []],
    ['.gz', undefined, []],
  ])('%s, content encoding %s: %j', (path, contentEncoding, expected) => {
    expect(compressionOf({ path, ...(contentEncoding === undefined ? {} : { contentEncoding }) })).toEqual(expected);
  });

  test('several content encodings are undone in the right order', async () => {
    const bytes = brotliCompressSync(gzipSync(sample));
    expect(await read(bytes, compressionOf({ path: 'a.csv', contentEncoding: 'gzip, br' }))).toEqual(sample);
    expect(await read(gzipSync(brotliCompressSync(sample)), compressionOf({ path: 'a.csv.br.gz' }))).toEqual(sample);
  });

  test.each([
    ['a.csv.zst', '', 'zst'],
    ['a.csv', 'zstd', 'zstd'],
    ['a.csv.bz2', '', 'bz2'],
  ])('refuses %s with content encoding "%s"', (path, contentEncoding, name) => {
    expect(() => compressionOf({ path, contentEncoding })).toThrow(`the compression "${name}" is not supported`);
  });

  test('nameWithoutCompression', () => {
    expect(nameWithoutCompression('in/a.csv.gz')).toBe('in/a.csv');
    expect(nameWithoutCompression('a.csv.br.GZ')).toBe('a.csv');
    expect(nameWithoutCompression('https://host/a.json.gz?x=/b.csv#c')).toBe('https://host/a.json');
    expect(nameWithoutCompression('a?b.csv.gz')).toBe('a?b.csv');
  });
});

describe('round trips', () => {
  const oneShot: [Compression, (bytes: Uint8Array) => Buffer, (bytes: Uint8Array) => Buffer][] = [
    ['gzip', gzipSync, gunzipSync],
    ['brotli', brotliCompressSync, brotliDecompressSync],
    ['deflate', deflateSync, inflateSync],
  ];

  test.each(oneShot)('%s, any bytes, any chunks', async (name, pack, unpack) => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 600 }), fc.integer({ min: 1, max: 99 }), async (bytes, size) => {
        expect(await read(pack(bytes), [name], size)).toEqual(Buffer.from(bytes));
        expect(unpack(await written(bytes, [name], size))).toEqual(Buffer.from(bytes));
      }),
      { numRuns: 40 },
    );
  });

  test('cut at every byte', async () => {
    for (const [name, pack] of oneShot) {
      const packed = pack(sample);
      for (let size = 1; size <= packed.length; size++) expect(await read(packed, [name], size)).toEqual(sample);
    }
  });

  test('bare deflate data, as some servers send it', async () => {
    expect(await read(deflateRawSync(sample), ['deflate'], 3)).toEqual(sample);
  });

  test('several gzip members, and zeros as padding', async () => {
    const members = Buffer.concat([gzipSync('a,b\n'), gzipSync(''), gzipSync('1,2\n')]);
    const padded = Buffer.concat([members, Buffer.alloc(70)]);
    for (let size = 1; size <= padded.length; size++) {
      expect((await read(members, ['gzip'], size)).toString()).toBe('a,b\n1,2\n');
      expect((await read(padded, ['gzip'], size)).toString()).toBe('a,b\n1,2\n');
    }
  });

  test('the same bytes give the same file, however they are cut', async () => {
    expect(await written(sample, ['gzip'], 7)).toEqual(await written(sample, ['gzip'], 1000));
  });

  test('a large file comes in pieces', async () => {
    const large = Buffer.alloc(20_000_000, sample);
    const pieces = await collect(decompress(chunksOf(gzipSync(large)), ['gzip'], context));
    expect(Math.max(...pieces.map((piece) => piece.length))).toBeLessThanOrEqual(128 * 1024);
    expect(Buffer.concat(pieces).equals(large)).toBe(true);
  });
});

describe('damage', () => {
  const packed: [Compression, Buffer][] = [
    ['gzip', gzipSync(sample)],
    ['brotli', brotliCompressSync(sample)],
    ['deflate', deflateSync(sample)],
  ];

  test.each(packed)('%s cut short anywhere is INPUT_TRUNCATED', async (name, bytes) => {
    for (let length = 0; length < bytes.length; length++) {
      for (const size of [1, 16, 1000]) {
        const error = await failureOf(read(bytes.subarray(0, length), [name], size));
        expect([length, error.code]).toEqual([length, 'INPUT_TRUNCATED']);
        expect(error.message).toBe(`in/a.csv.gz ends too early: its ${name} data stops in the middle`);
      }
    }
  });

  test.each(packed)('what follows %s data is refused', async (name, bytes) => {
    const followed = Buffer.concat([bytes, Buffer.from('and more, which is no part of it')]);
    for (let size = 1; size <= followed.length + 1; size++) {
      const error = await failureOf(read(followed, [name], size));
      expect(error.code).toBe('INPUT_MALFORMED');
      expect(error.message).toBe(`in/a.csv.gz: something else follows after the end of its ${name} data`);
    }
  });

  test('zeros and then something is refused too', async () => {
    const bytes = Buffer.concat([gzipSync('x'), Buffer.alloc(40), Buffer.from('x')]);
    for (let size = 1; size <= bytes.length; size++) {
      expect((await failureOf(read(bytes, ['gzip'], size))).code).toBe('INPUT_MALFORMED');
    }
  });

  test.each(['gzip', 'brotli', 'deflate'] as const)('what is not %s at all', async (name) => {
    const error = await failureOf(read(Buffer.from('\x07 is not compressed in any way'), [name]));
    expect(error.code).toBe('INPUT_MALFORMED');
    expect(error.message).toContain(`not ${name} at all`);
  });

  test('a flipped bit in the check sum', async () => {
    const bytes = gzipSync(sample);
    bytes[bytes.length - 6]! ^= 1;
    expect((await failureOf(read(bytes, ['gzip']))).message).toContain('damaged');
  });
});

describe('the source', () => {
  const noise = Array.from({ length: 400 }, () => randomBytes(64 * 1024));

  test.each(['gzip', 'deflate', 'brotli'] as const)('is pulled no faster than the reader reads (%s)', async (name) => {
    const { source, seen } = watched(noise);
    const iterator = compress(source, [name], context)[Symbol.asyncIterator]();
    await iterator.next();
    await new Promise((resolve) => setImmediate(resolve));
    expect(seen.pulled).toBeLessThan(100);
    await iterator.return?.();
    expect(seen.closed).toBe(true);
  });

  test('is closed when the reader stops', async () => {
    const bytes = gzipSync(Buffer.concat(noise.slice(0, 40)));
    const chunks = await collect(chunksOf(bytes, [50_000]));
    for (const name of ['gzip', 'deflate'] as const) {
      const { source, seen } = watched(
        name === 'gzip' ? chunks : await collect(chunksOf(deflateSync(bytes), [50_000])),
      );
      for await (const _ of decompress(source, [name], context)) break;
      expect(seen.closed).toBe(true);
      expect(seen.pulled).toBeLessThan(chunks.length);
    }
  });

  test('is closed when its data is damaged', async () => {
    const { source, seen } = watched([Buffer.from('no gzip'), ...noise]);
    await failureOf(collect(decompress(source, ['gzip'], context)));
    expect(seen.closed).toBe(true);
  });

  test('that fails gives its own error', async () => {
    async function* failing() {
      yield gzipSync(sample).subarray(0, 20);
      throw new RangeError('the source broke');
    }
    await expect(collect(decompress(failing(), ['gzip'], context))).rejects.toThrow('the source broke');
    await expect(collect(compress(failing(), ['brotli'], context))).rejects.toThrow('the source broke');
  });

  test('is closed on abort, and the reader gets the reason', async () => {
    const controller = new AbortController();
    const { source, seen } = watched(noise);
    const stream = compress(source, ['gzip'], { path: 'a', signal: controller.signal });
    const reading = (async () => {
      for await (const _ of stream) controller.abort(new Error('stopped by the user'));
    })();
    await expect(reading).rejects.toThrow('stopped by the user');
    expect(seen.closed).toBe(true);
    expect(seen.pulled).toBeLessThan(noise.length);
  });

  test('aborted before the start is not read', async () => {
    const { source, seen } = watched(noise);
    const aborted = { path: 'a', signal: AbortSignal.abort(new Error('too late')) };
    await expect(collect(decompress(source, ['gzip'], aborted))).rejects.toThrow('too late');
    expect(seen.pulled).toBeLessThanOrEqual(1);
  });
});
