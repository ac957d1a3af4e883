// What the S3 server of the tests keeps: buckets, objects and unfinished uploads, their bytes in files of one folder.
import { createHash, type Hash, randomBytes } from 'node:crypto';
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32 } from 'node:zlib';

/** Bytes that came with one request. */
export interface Blob {
  file: string;
  size: number;
  md5: string;
  sha256: string;
  /** Base64, as `x-amz-checksum-crc32` has it. */
  crc32: string;
}

export interface StoredObject {
  key: string;
  /** One after another. */
  blobs: Blob[];
  size: number;
  etag: string;
  modified: Date;
  headers: Record<string, string>;
}

export interface Upload {
  id: string;
  bucket: string;
  key: string;
  headers: Record<string, string>;
  parts: Map<number, Blob & { etag: string }>;
}

export interface Bucket {
  region: string;
  /** Everybody may list and read it. */
  public: boolean;
  objects: Map<string, StoredObject>;
  /** In the order of their bytes. */
  keys(): { text: string; bytes: Buffer }[];
  put(object: StoredObject): void;
  remove(key: string): void;
}

export interface S3Store {
  buckets: Map<string, Bucket>;
  uploads: Map<string, Upload>;
  createBucket(name: string, region: string): Bucket;
  /** Takes a body to its end. */
  keep(body: Readable): Promise<Blob>;
  begin(bucket: string, key: string, headers: Record<string, string>): Upload;
  close(): void;
}

export function createS3Store(): S3Store {
  const folder = mkdtempSync(join(tmpdir(), 'pipewright-s3-'));
  const buckets = new Map<string, Bucket>();
  const uploads = new Map<string, Upload>();
  let count = 0;
  return {
    buckets,
    uploads,
    createBucket(name, region) {
      const bucket = createBucket(region);
      buckets.set(name, bucket);
      return bucket;
    },
    async keep(body) {
      const file = join(folder, String(count++));
      const hashes: [Hash, Hash] = [createHash('md5'), createHash('sha256')];
      let size = 0;
      let crc = 0;
      await pipeline(
        body,
        async function* (source: AsyncIterable<Buffer>) {
          for await (const chunk of source) {
            size += chunk.length;
            crc = crc32(chunk, crc);
            for (const hash of hashes) hash.update(chunk);
            yield chunk;
          }
        },
        createWriteStream(file),
      );
      const checksum = Buffer.alloc(4);
      checksum.writeUInt32BE(crc);
      return {
        file,
        size,
        md5: hashes[0].digest('hex'),
        sha256: hashes[1].digest('hex'),
        crc32: checksum.toString('base64'),
      };
    },
    begin(bucket, key, headers) {
      const upload = { id: randomBytes(12).toString('hex'), bucket, key, headers, parts: new Map() };
      uploads.set(upload.id, upload);
      return upload;
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function createBucket(region: string): Bucket {
  const objects = new Map<string, StoredObject>();
  let sorted: { text: string; bytes: Buffer }[] | undefined;
  return {
    region,
    public: false,
    objects,
    keys() {
      sorted ??= [...objects.keys()]
        .map((text) => ({ text, bytes: Buffer.from(text) }))
        .sort((a, b) => Buffer.compare(a.bytes, b.bytes));
      return sorted;
    },
    put(object) {
      if (!objects.has(object.key)) sorted = undefined;
      objects.set(object.key, object);
    },
    remove(key) {
      if (objects.delete(key)) sorted = undefined;
    },
  };
}
