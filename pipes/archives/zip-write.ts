// Zip archives, written while the files are read. The format: PKWARE's APPNOTE 6.3.10.
import { crc32, createDeflateRaw, deflateRawSync } from 'node:zlib';
import type { FileItem } from '../../engine/contracts/data.ts';
import { transformed, withHead } from './bytes.ts';

/** Files up to this size are compressed in one go, and their sizes stand before them. */
const wholeBytes = 256 * 1024;
/** Above this, sizes and offsets need the fields of zip64. */
const most32 = 0xfffffffe;

interface Entry {
  name: Buffer;
  modified: Date;
  method: number;
  /** Sizes and sum follow the data. */
  streamed: boolean;
  zip64: boolean;
  offset: number;
  sum: number;
  size: number;
  compressed: number;
}

/** `level` is 0 to 9. Files are opened one after another, each before the next one is asked for. */
export async function* zipped(
  files: AsyncIterable<{ name: string; file: FileItem }>,
  level: number,
): AsyncGenerator<Uint8Array> {
  const directory: Buffer[] = [];
  let recent: Buffer[] = [];
  let count = 0;
  let offset = 0;
  for await (const { name, file } of files) {
    const entry: Entry = {
      name: Buffer.from(name),
      modified: file.modified === undefined ? new Date() : new Date(file.modified),
      method: 8,
      streamed: false,
      zip64: false,
      offset,
      sum: 0,
      size: 0,
      compressed: 0,
    };
    for await (const chunk of entryBytes(entry, file, level)) {
      offset += chunk.length;
      yield chunk;
    }
    recent.push(centralHeader(entry));
    count++;
    // A few large pieces take little of the heap, however many files there are.
    if (recent.length < 1000) continue;
    directory.push(Buffer.concat(recent));
    recent = [];
  }
  directory.push(Buffer.concat(recent));
  yield* directory;
  const size = directory.reduce((sum, { length }) => sum + length, 0);
  yield endOfDirectory(count, offset, size);
}

async function* entryBytes(entry: Entry, file: FileItem, level: number): AsyncGenerator<Uint8Array> {
  const { head, whole, bytes } = await withHead(file.open(), wholeBytes);
  if (whole) {
    const plain = Buffer.concat(head);
    const data = level === 0 ? plain : deflateRawSync(plain, { level });
    Object.assign(entry, {
      method: level === 0 ? 0 : 8,
      sum: crc32(plain),
      size: plain.length,
      compressed: data.length,
    });
    yield localHeader(entry);
    yield data;
    return;
  }
  // What is not compressed is deflate's too here: nothing else says where it ends.
  entry.streamed = true;
  entry.zip64 = file.size !== undefined && file.size > most32;
  try {
    yield localHeader(entry);
    for await (const chunk of transformed(sum(bytes, entry), createDeflateRaw({ level }))) {
      entry.compressed += chunk.length;
      yield chunk;
    }
  } finally {
    await bytes.return();
  }
  // Where the size was not known, a large file gets the large fields after its bytes and in the directory, but not before.
  // With them before every file, readers that go by the stream, such as Java's, would refuse the small ones.
  entry.zip64 ||= entry.size > most32 || entry.compressed > most32;
  yield dataDescriptor(entry);
}

async function* sum(bytes: AsyncIterable<Uint8Array>, entry: Entry): AsyncGenerator<Uint8Array> {
  for await (const chunk of bytes) {
    entry.sum = crc32(chunk, entry.sum);
    entry.size += chunk.length;
    yield chunk;
  }
}

/** Bit 3: sizes follow the data. Bit 11: the name is UTF-8. */
const flags = ({ streamed }: Entry) => (streamed ? 1 << 3 : 0) | (1 << 11);
const versionNeeded = (zip64: boolean) => (zip64 ? 45 : 20);

function localHeader(entry: Entry): Buffer {
  const { streamed, zip64 } = entry;
  const extra = Buffer.concat([zip64 ? zip64Field([0, 0]) : Buffer.alloc(0), timeField(entry.modified)]);
  const header = Buffer.alloc(30);
  header.writeUInt32LE(0x04034b50, 0);
  header.writeUInt16LE(versionNeeded(zip64), 4);
  writeShared(header, entry, 6);
  header.writeUInt32LE(streamed ? 0 : entry.sum, 14);
  header.writeUInt32LE(zip64 ? 0xffffffff : streamed ? 0 : entry.compressed, 18);
  header.writeUInt32LE(zip64 ? 0xffffffff : streamed ? 0 : entry.size, 22);
  header.writeUInt16LE(entry.name.length, 26);
  header.writeUInt16LE(extra.length, 28);
  return Buffer.concat([header, entry.name, extra]);
}

/** Flags, method, time and date: eight bytes that both headers have. */
function writeShared(header: Buffer, entry: Entry, at: number): void {
  const { modified } = entry;
  const year = Math.min(Math.max(modified.getFullYear(), 1980), 2107);
  header.writeUInt16LE(flags(entry), at);
  header.writeUInt16LE(entry.method, at + 2);
  header.writeUInt16LE(
    (modified.getHours() << 11) | (modified.getMinutes() << 5) | (modified.getSeconds() >> 1),
    at + 4,
  );
  header.writeUInt16LE(((year - 1980) << 9) | ((modified.getMonth() + 1) << 5) | modified.getDate(), at + 6);
}

function dataDescriptor({ sum, compressed, size, zip64 }: Entry): Buffer {
  const descriptor = Buffer.alloc(zip64 ? 24 : 16);
  descriptor.writeUInt32LE(0x08074b50, 0);
  descriptor.writeUInt32LE(sum, 4);
  if (zip64) {
    descriptor.writeBigUInt64LE(BigInt(compressed), 8);
    descriptor.writeBigUInt64LE(BigInt(size), 16);
  } else {
    descriptor.writeUInt32LE(compressed, 8);
    descriptor.writeUInt32LE(size, 12);
  }
  return descriptor;
}

function centralHeader(entry: Entry): Buffer {
  const { size, compressed, offset } = entry;
  const large = entry.zip64 || offset > most32;
  const extra = Buffer.concat([
    large ? zip64Field([size, compressed, offset]) : Buffer.alloc(0),
    timeField(entry.modified),
  ]);
  const header = Buffer.alloc(46);
  header.writeUInt32LE(0x02014b50, 0);
  // Made by version 6.3 on Unix, so that the mode below counts.
  header.writeUInt16LE((3 << 8) | 63, 4);
  header.writeUInt16LE(versionNeeded(large), 6);
  writeShared(header, entry, 8);
  header.writeUInt32LE(entry.sum, 16);
  header.writeUInt32LE(large ? 0xffffffff : compressed, 20);
  header.writeUInt32LE(large ? 0xffffffff : size, 24);
  header.writeUInt16LE(entry.name.length, 28);
  header.writeUInt16LE(extra.length, 30);
  header.writeUInt32LE((0o100644 << 16) >>> 0, 38);
  header.writeUInt32LE(large ? 0xffffffff : offset, 42);
  return Buffer.concat([header, entry.name, extra]);
}

function zip64Field(numbers: readonly number[]): Buffer {
  const field = Buffer.alloc(4 + numbers.length * 8);
  field.writeUInt16LE(0x0001, 0);
  field.writeUInt16LE(numbers.length * 8, 2);
  for (const [at, number] of numbers.entries()) field.writeBigUInt64LE(BigInt(number), 4 + at * 8);
  return field;
}

/** Info-ZIP's time in seconds and UTC, where the other one is local and in steps of two. */
function timeField(modified: Date): Buffer {
  const field = Buffer.alloc(9);
  field.writeUInt16LE(0x5455, 0);
  field.writeUInt16LE(5, 2);
  field.writeUInt8(1, 4);
  field.writeInt32LE(Math.min(Math.max(Math.floor(modified.getTime() / 1000), -0x80000000), 0x7fffffff), 5);
  return field;
}

function endOfDirectory(count: number, offset: number, size: number): Buffer {
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(Math.min(count, 0xffff), 8);
  end.writeUInt16LE(Math.min(count, 0xffff), 10);
  end.writeUInt32LE(Math.min(size, 0xffffffff), 12);
  end.writeUInt32LE(Math.min(offset, 0xffffffff), 16);
  if (count < 0xffff && size <= most32 && offset <= most32) return end;

  const record = Buffer.alloc(56);
  record.writeUInt32LE(0x06064b50, 0);
  record.writeBigUInt64LE(44n, 4);
  record.writeUInt16LE((3 << 8) | 63, 12);
  record.writeUInt16LE(45, 14);
  record.writeBigUInt64LE(BigInt(count), 24);
  record.writeBigUInt64LE(BigInt(count), 32);
  record.writeBigUInt64LE(BigInt(size), 40);
  record.writeBigUInt64LE(BigInt(offset), 48);
  const locator = Buffer.alloc(20);
  locator.writeUInt32LE(0x07064b50, 0);
  locator.writeBigUInt64LE(BigInt(offset + size), 8);
  locator.writeUInt32LE(1, 16);
  return Buffer.concat([record, locator, end]);
}
