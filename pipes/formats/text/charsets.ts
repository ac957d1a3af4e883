// The character encodings behind text.ts: which bytes make whole characters, and their exact text or nothing.
import { isAscii, isUtf8, transcode } from 'node:buffer';
import { failure } from '../../../engine/errors.ts';
import { didYouMean } from '../../../engine/suggest.ts';

export interface Charset {
  readonly name: string;
  /** Its byte order mark, where it has one. */
  readonly mark?: Buffer;
  /** How many bytes from the start end with a whole character. */
  boundary(bytes: Buffer): number;
  /** The text, or undefined where a byte is not valid. */
  decode(bytes: Buffer): string | undefined;
  /** Where the first invalid byte is; asked after `decode` gave undefined. */
  invalidAt(bytes: Buffer): number;
  /** The bytes, or undefined where the text has a character without any. */
  encode(text: string): Buffer | undefined;
}

export const utf8: Charset = {
  name: 'utf-8',
  mark: Buffer.from('\ufeff'),
  boundary(bytes) {
    const end = bytes.length;
    for (let back = 1; back <= 3 && back <= end; back++) {
      const byte = bytes[end - back]!;
      if (byte < 0x80) return end;
      if (byte >= 0xc0) return (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) > back ? end - back : end;
    }
    return end;
  },
  decode(bytes) {
    if (isAscii(bytes)) return bytes.toString('latin1');
    // By way of UTF-16: several times faster than toString, which goes character by character.
    return isUtf8(bytes) ? transcode(bytes, 'utf8', 'ucs2').toString('utf16le') : undefined;
  },
  invalidAt(bytes) {
    const text = bytes.toString('utf8');
    let offset = 0;
    let counted = 0;
    for (let at = text.indexOf('\ufffd'); at !== -1; at = text.indexOf('\ufffd', at + 1)) {
      offset += Buffer.byteLength(text.slice(counted, at));
      counted = at;
      if (bytes.subarray(offset, offset + 3).compare(replacement) !== 0) return offset;
    }
    return bytes.length;
  },
  encode: (text) => (text.isWellFormed() ? Buffer.from(text, 'utf8') : undefined),
};

const replacement = Buffer.from('\ufffd');

export const utf16le: Charset = utf16('utf-16le', (bytes) => bytes);
export const utf16be: Charset = utf16('utf-16be', (bytes) => Buffer.from(bytes).swap16());

function utf16(name: string, toLittleEndian: (bytes: Buffer) => Buffer): Charset {
  return {
    name,
    mark: toLittleEndian(Buffer.from('\ufeff', 'utf16le')),
    boundary(bytes) {
      const even = bytes.length - (bytes.length % 2);
      if (even === 0) return 0;
      const last = toLittleEndian(bytes.subarray(even - 2, even)).readUInt16LE();
      return last >= 0xd800 && last <= 0xdbff ? even - 2 : even;
    },
    decode(bytes) {
      if (bytes.length % 2 === 1) return undefined;
      const text = toLittleEndian(bytes).toString('utf16le');
      return text.isWellFormed() ? text : undefined;
    },
    invalidAt(bytes) {
      const text = toLittleEndian(bytes.subarray(0, bytes.length - (bytes.length % 2))).toString('utf16le');
      for (let at = 0; at < text.length; at++) {
        const code = text.codePointAt(at)!;
        if (code >= 0xd800 && code <= 0xdfff) return at * 2;
        if (code > 0xffff) at++;
      }
      return text.length * 2;
    },
    encode: (text) => (text.isWellFormed() ? toLittleEndian(Buffer.from(text, 'utf16le')) : undefined),
  };
}

const ascii: Charset = {
  name: 'ascii',
  boundary: (bytes) => bytes.length,
  decode: (bytes) => (isAscii(bytes) ? bytes.toString('latin1') : undefined),
  invalidAt: (bytes) => bytes.findIndex((byte) => byte > 0x7f),
  encode: (text) => (/^[\x00-\x7f]*$/.test(text) ? Buffer.from(text, 'latin1') : undefined),
};

const latin1: Charset = {
  name: 'latin1',
  boundary: (bytes) => bytes.length,
  decode: (bytes) => bytes.toString('latin1'),
  invalidAt: (bytes) => bytes.length,
  encode: (text) => (/^[\x00-\xff]*$/.test(text) ? Buffer.from(text, 'latin1') : undefined),
};

const named = new Map<string, Charset | 'utf-16'>([
  ['utf8', utf8],
  ['unicode11utf8', utf8],
  ['utf16le', utf16le],
  ['ucs2', utf16le],
  ['utf16be', utf16be],
  ['utf16', 'utf-16'],
  ['ascii', ascii],
  ['usascii', ascii],
  ['latin1', latin1],
  ['l1', latin1],
  ['iso88591', latin1],
]);

// Not of text, or not to be cut into pieces (UTF-7), or guessed by iconv-lite piece by piece (UTF-32 without its order).
const notOffered = /^(base64|hex|binary|utf7|utf7imap|unicode11utf7|utf32|ucs4)$/;

const common = [
  'utf-8',
  'utf-16',
  'utf-16le',
  'utf-16be',
  'ascii',
  'latin1',
  'windows-1252',
  'iso-8859-15',
  'shift_jis',
  'gb18030',
];

/** The charset of a name; `utf-16` is left to the byte order mark. Fails when there is none. */
export async function charsetNamed(name: string): Promise<Charset | 'utf-16'> {
  const plain = folded(name);
  const found = named.get(plain);
  if (found !== undefined) return found;
  const { default: iconv } = await import('iconv-lite');
  if (notOffered.test(plain) || !iconv.encodingExists(name)) {
    const hint = didYouMean(name, common) || `; known are ${common.join(', ')} and those of iconv-lite`;
    throw failure('OPTION_UNSUPPORTED', { what: `the encoding "${name}"`, where: 'this version', hint });
  }
  return iconvCharset(iconv, name);
}

function folded(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '');
}

function wholeUnits(bytes: Buffer): number {
  return bytes.length - (bytes.length % 4);
}

// No multi-byte encoding that is offered has a second or later byte below 0x30 (GB 18030 has the lowest).
function wholeCharacters(bytes: Buffer): number {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1]! >= 0x30) end--;
  return end;
}

type Iconv = typeof import('iconv-lite');

function iconvCharset(iconv: Iconv, name: string): Charset {
  const unicode32 = /^(utf|ucs)32(le|be)$/.test(folded(name));
  // Only the encodings of all of Unicode have U+FFFD itself; in the tables of the others it marks what is not there.
  const replaced = iconv.encode('\ufffd', name, { addBOM: false });
  const decode = (bytes: Buffer): string | undefined => {
    const text = iconv.decode(bytes, name, { stripBOM: false });
    if (!text.includes('\ufffd')) return text;
    return replaced.length === 4 && occurrences(bytes, replaced) >= text.split('\ufffd').length - 1 ? text : undefined;
  };
  return {
    name,
    ...(unicode32 ? { mark: iconv.encode('\ufeff', name, { addBOM: false }) } : {}),
    boundary: unicode32 ? wholeUnits : wholeCharacters,
    decode,
    invalidAt(bytes) {
      const decoder = iconv.getDecoder(name, { stripBOM: false });
      let start = 0;
      for (let at = 0; at < bytes.length; at++) {
        const text = decoder.write(bytes.subarray(at, at + 1)) ?? '';
        if (text.includes('\ufffd')) break;
        if (text !== '') start = at + 1;
      }
      return Math.min(start, bytes.length - 1);
    },
    encode(text) {
      const encoded = iconv.encode(text, name, { addBOM: false });
      return decode(encoded) === text ? encoded : undefined;
    },
  };
}

function occurrences(bytes: Buffer, sought: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(sought); at !== -1; at = bytes.indexOf(sought, at + sought.length)) count++;
  return count;
}
