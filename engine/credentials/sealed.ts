// The layout of the credentials file: a fixed header, then what AES-256-GCM made of the content.
import { createCipheriv, createDecipheriv, createHash, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { failure } from '../errors.ts';

// Offset, length: what.
//   0,  8: "PIPECRED"
//   8,  1: layout, 1
//   9,  3: scrypt's cost (a power of two), block size, parallelisation
//  12, 16: scrypt's salt
//  28, 12: the nonce, new with every write
//  40, 16: key check, the second half of what scrypt gave: tells a wrong passphrase from a damaged file
//  56,  8: the beginning of SHA-256 over bytes 0 to 55; at this place in every later layout too
//  64,  n: ciphertext
//  end 16: GCM's tag, over the header as well
const magic = Buffer.from('PIPECRED');
const layout = 1;
const headerBytes = 64;
const tagBytes = 16;
const keyBytes = 32;
const checkBytes = 16;
// A forged header must not make us take all memory: 2^20 × 8 × 128 bytes are 1 GiB.
const limits = { cost: [10, 20], blockSize: [1, 16], parallel: [1, 16] } as const;

export interface KeyParameters {
  /** The exponent of scrypt's N: 17 takes 128 MiB and about half a second. */
  cost: number;
  blockSize: number;
  parallel: number;
  salt: Buffer;
}

export interface DerivedKey {
  parameters: KeyParameters;
  key: Buffer;
  check: Buffer;
}

export interface Header {
  parameters: KeyParameters;
  check: Buffer;
}

export function newParameters(cost = 17): KeyParameters {
  return { cost, blockSize: 8, parallel: 1, salt: randomBytes(16) };
}

export function sameParameters(a: KeyParameters, b: KeyParameters): boolean {
  return a.cost === b.cost && a.blockSize === b.blockSize && a.parallel === b.parallel && a.salt.equals(b.salt);
}

/** scrypt, RFC 7914, over the passphrase in Unicode's NFC, so that it is the same typed on any system. */
export function deriveKey(passphrase: string, parameters: KeyParameters): Promise<DerivedKey> {
  const { cost, blockSize, parallel, salt } = parameters;
  const options = { N: 2 ** cost, r: blockSize, p: parallel, maxmem: 2 * 128 * 2 ** cost * blockSize };
  return new Promise((resolve, reject) => {
    scrypt(passphrase.normalize('NFC'), salt, keyBytes + checkBytes, options, (error, bytes) => {
      if (error) reject(error);
      else resolve({ parameters, key: bytes.subarray(0, keyBytes), check: bytes.subarray(keyBytes) });
    });
  });
}

/** Throws STORE_CORRUPT or STORE_TOO_NEW. `path` is for the message. */
export function readHeader(file: Buffer, path: string): Header {
  const corrupt = (reason: string) => failure('STORE_CORRUPT', { path, reason });
  if (!file.subarray(0, magic.length).equals(magic)) {
    throw corrupt(file.length === 0 ? 'it is empty' : 'it does not begin like a credentials file');
  }
  if (file.length < headerBytes + tagBytes) throw corrupt(`it ends after ${file.length} bytes`);
  if (!checksum(file).equals(file.subarray(56, 64))) throw corrupt('its header does not match its checksum');
  if (file[8] !== layout) throw failure('STORE_TOO_NEW', { path, version: file[8], known: layout });
  const [cost, blockSize, parallel] = [file[9]!, file[10]!, file[11]!];
  for (const [value, [least, most]] of [
    [cost, limits.cost],
    [blockSize, limits.blockSize],
    [parallel, limits.parallel],
  ] as const) {
    if (value < least || value > most) throw corrupt('its key parameters are out of bounds');
  }
  return {
    parameters: { cost, blockSize, parallel, salt: Buffer.from(file.subarray(12, 28)) },
    check: Buffer.from(file.subarray(40, 56)),
  };
}

export function opens(derived: DerivedKey, header: Header): boolean {
  return timingSafeEqual(derived.check, header.check);
}

/** The content of a file whose header the key opens. Throws STORE_CORRUPT. */
export function unseal(file: Buffer, { key }: DerivedKey, path: string): string {
  const decipher = createDecipheriv('aes-256-gcm', key, file.subarray(28, 40));
  decipher.setAAD(file.subarray(0, headerBytes));
  decipher.setAuthTag(file.subarray(-tagBytes));
  try {
    const content = decipher.update(file.subarray(headerBytes, -tagBytes));
    return Buffer.concat([content, decipher.final()]).toString('utf8');
  } catch (cause) {
    throw failure('STORE_CORRUPT', { path, reason: 'its content does not match its authentication tag' }, { cause });
  }
}

export function seal(content: string, { key, parameters, check }: DerivedKey): Buffer {
  const header = Buffer.alloc(headerBytes);
  const nonce = randomBytes(12);
  magic.copy(header);
  header.set([layout, parameters.cost, parameters.blockSize, parameters.parallel], 8);
  header.set(parameters.salt, 12);
  header.set(nonce, 28);
  header.set(check, 40);
  header.set(checksum(header), 56);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(header);
  const encrypted = Buffer.concat([cipher.update(content, 'utf8'), cipher.final()]);
  return Buffer.concat([header, encrypted, cipher.getAuthTag()]);
}

function checksum(file: Buffer): Buffer {
  return createHash('sha256').update(file.subarray(0, 56)).digest().subarray(0, 8);
}
