// Packets of SFTP version 3 (draft-ietf-secsh-filexfer-02): requests put together, answers taken apart.
import type { Attributes } from './attributes.ts';

export const request = {
  init: 1,
  open: 3,
  close: 4,
  read: 5,
  write: 6,
  lstat: 7,
  fstat: 8,
  fsetstat: 10,
  opendir: 11,
  readdir: 12,
  remove: 13,
  mkdir: 14,
  rmdir: 15,
  realpath: 16,
  stat: 17,
  rename: 18,
  extended: 200,
} as const;

export const answer = { version: 2, status: 101, handle: 102, data: 103, name: 104, attributes: 105, extended: 201 };

/** How a file is opened (section 6.3): to be read, or made anew to be written, or written from somewhere on. */
export const openFlags = { r: 0x01, wx: 0x02 | 0x08 | 0x20, 'r+': 0x01 | 0x02 } as const;
export type OpenFlags = keyof typeof openFlags;

/** What of a file can be set. */
export type Settable = Partial<Pick<Attributes, 'mode' | 'uid' | 'gid'>>;

const attributeFlags = { size: 0x1, owner: 0x2, mode: 0x4, times: 0x8, extended: 0x80000000 };

/** A field of a request: text and bytes get their length before them, `u64` is a number of eight bytes. */
export type Field = string | Uint8Array | number | { u64: number } | { attributes: Settable };

/** A whole packet, or its beginning where `more` bytes follow it. */
export function packet(type: number, id: number | undefined, fields: readonly Field[], more = 0): Buffer {
  const parts: Buffer[] = [];
  for (const field of fields) {
    if (typeof field === 'number') parts.push(u32(field));
    else if (typeof field === 'string') parts.push(...counted(Buffer.from(field)));
    else if (field instanceof Uint8Array) parts.push(...counted(field));
    else if ('u64' in field) parts.push(u64(field.u64));
    else parts.push(...attributesOf(field.attributes));
  }
  const body = parts.reduce((sum, part) => sum + part.length, 0);
  const head = Buffer.allocUnsafe(id === undefined ? 5 : 9);
  head.writeUInt32BE(head.length - 4 + body + more, 0);
  head[4] = type;
  if (id !== undefined) head.writeUInt32BE(id, 5);
  return Buffer.concat([head, ...parts]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function u64(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

function counted(bytes: Uint8Array): [Buffer, Buffer] {
  return [u32(bytes.length), Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)];
}

function attributesOf({ mode, uid, gid }: Settable): Buffer[] {
  const owner = uid !== undefined && gid !== undefined;
  return [
    u32((owner ? attributeFlags.owner : 0) | (mode === undefined ? 0 : attributeFlags.mode)),
    ...(owner ? [u32(uid), u32(gid)] : []),
    ...(mode === undefined ? [] : [u32(mode)]),
  ];
}

/** Reads the fields of an answer one after the other. Throws a RangeError where it is shorter than it should be. */
export function fieldsOf(body: Buffer) {
  let at = 0;
  const fields = {
    u32(): number {
      const value = body.readUInt32BE(at);
      at += 4;
      return value;
    },
    u64(): number {
      const value = body.readBigUInt64BE(at);
      at += 8;
      return Number(value);
    },
    bytes(): Buffer {
      const length = fields.u32();
      if (length > body.length - at) throw new RangeError(`a field of ${length} bytes in ${body.length - at}`);
      at += length;
      return body.subarray(at - length, at);
    },
    text: (): string => fields.bytes().toString(),
    get left(): number {
      return body.length - at;
    },
    attributes(): Attributes {
      const flags = fields.u32();
      const found: Attributes = { mode: 0, size: 0, mtime: 0, uid: 0, gid: 0 };
      if (flags & attributeFlags.size) found.size = fields.u64();
      if (flags & attributeFlags.owner) {
        found.uid = fields.u32();
        found.gid = fields.u32();
      }
      if (flags & attributeFlags.mode) found.mode = fields.u32();
      if (flags & attributeFlags.times) {
        fields.u32();
        found.mtime = fields.u32();
      }
      if (flags & attributeFlags.extended) {
        for (let count = fields.u32(); count > 0; count--) {
          fields.bytes();
          fields.bytes();
        }
      }
      return found;
    },
  };
  return fields;
}
