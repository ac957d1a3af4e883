// Bytes to text and back: every encoding, any split of the chunks, never a replacement character.
import type { FormatContext } from '../../engine/contracts/format.ts';
import { failure } from '../../engine/errors.ts';
import { type Charset, charsetNamed, utf8, utf16be, utf16le } from './text/charsets.ts';

export interface DecodeTextOptions {
  /**
   * How many `\n` were in all the text handed out so far, for a caller that counts them anyway. Absent: counted here.
   * Only errors need it.
   */
  linesBefore?: () => number;
}

/**
 * The text of a file, chunk by chunk, without its byte order mark. `encoding` is a name as in HTML or Python; absent or
 * `utf-8`, a UTF-16 byte order mark is followed. `utf-16` reads the mark too, and is little endian without one.
 * Fails with INPUT_ENCODING, naming line and byte, where the bytes are not of the encoding.
 */
export async function* decodeText(
  bytes: AsyncIterable<Uint8Array>,
  encoding: string | undefined,
  context: FormatContext,
  { linesBefore }: DecodeTextOptions = {},
): AsyncGenerator<string> {
  const named = encoding === undefined ? undefined : await charsetNamed(encoding);
  let charset: Charset | undefined;
  let carry: Buffer | undefined;
  let lines = 0;
  let offset = 0;

  const decode = (piece: Buffer): string => {
    const text = charset!.decode(piece);
    if (text === undefined) throw invalidBytes(charset!, piece, offset, linesBefore?.() ?? lines, context.path);
    if (linesBefore === undefined) lines += countLines(text);
    offset += piece.length;
    return text;
  };

  for await (const chunk of bytes) {
    context.signal.throwIfAborted();
    let buffer = asBuffer(chunk);
    if (carry !== undefined) buffer = Buffer.concat([carry, buffer]);
    carry = undefined;
    if (charset === undefined) {
      if (buffer.length < longestMark) {
        carry = buffer;
        continue;
      }
      const start = startOf(buffer, named, context.path);
      charset = start.charset;
      offset = start.markBytes;
      buffer = buffer.subarray(start.markBytes);
    }
    const whole = charset.boundary(buffer);
    if (whole < buffer.length) carry = buffer.subarray(whole);
    if (whole > 0) yield decode(buffer.subarray(0, whole));
  }

  if (carry === undefined) return;
  if (charset === undefined) {
    const start = startOf(carry, named, context.path);
    charset = start.charset;
    offset = start.markBytes;
    carry = carry.subarray(start.markBytes);
  }
  if (carry.length > 0) yield decode(carry);
}

/**
 * The bytes of a text. A chunk may end inside a surrogate pair. Fails with VALUE_LOSSY on a character that the encoding
 * does not have and on half a pair. `bom` puts a byte order mark first, also before no text at all, but not where what is
 * written is `continued`; text that begins with such a character gets one too.
 */
export async function* encodeText(
  chunks: AsyncIterable<string> | Iterable<string>,
  encoding: string | undefined,
  bom: boolean,
  context: FormatContext & { continued?: boolean },
): AsyncGenerator<Uint8Array> {
  const named = encoding === undefined ? utf8 : await charsetNamed(encoding);
  const charset = named === 'utf-16' ? utf16le : named;
  let carry = '';

  const encode = (text: string): Uint8Array => {
    const encoded = charset.encode(text);
    if (encoded === undefined) throw unencodable(charset, text, context.path);
    return encoded;
  };

  // RFC 2781: text called plain "utf-16" starts with its mark.
  let markDue = bom || named === 'utf-16';
  let atStart = context.continued !== true;
  for await (const chunk of chunks) {
    context.signal.throwIfAborted();
    let text = carry + chunk;
    carry = '';
    if (isHighSurrogate(text.charCodeAt(text.length - 1))) {
      carry = text.slice(-1);
      text = text.slice(0, -1);
    }
    if (text === '') continue;
    // Without a mark before it, such a character would be taken for one.
    if (charset.mark !== undefined && /^[\ufeff\ufffe]/.test(text)) markDue = true;
    if (atStart && markDue) yield encode('\ufeff');
    atStart = false;
    yield encode(text);
  }
  if (atStart && markDue) yield encode('\ufeff');
  if (carry !== '') throw unencodable(charset, carry, context.path);
}

/** The first bytes of a file as text, to guess its format by: UTF-8, or UTF-16 with its mark. Nothing is refused. */
export function headText(head: Uint8Array): string {
  const bytes = asBuffer(head);
  const charset = guessed.find(({ mark }) => startsWith(bytes, mark)) ?? utf8;
  const start = startsWith(bytes, charset.mark) ? charset.mark!.length : 0;
  return new TextDecoder(charset.name).decode(bytes.subarray(start));
}

/** How many `\n` a text holds. */
function countLines(text: string): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) count++;
  return count;
}

const longestMark = 4;

const guessed = [utf8, utf16le, utf16be];

function startOf(
  head: Buffer,
  named: Charset | 'utf-16' | undefined,
  path: string,
): { charset: Charset; markBytes: number } {
  const follow = named === undefined || named === utf8 || named === 'utf-16';
  const marked = guessed.find(({ mark }) => startsWith(head, mark));
  if (follow) {
    const charset = marked ?? (named === 'utf-16' ? utf16le : utf8);
    return { charset, markBytes: marked?.mark?.length ?? 0 };
  }
  if (named.mark === undefined) return { charset: named, markBytes: 0 };
  if (startsWith(head, named.mark)) return { charset: named, markBytes: named.mark.length };
  if (marked === undefined) return { charset: named, markBytes: 0 };
  const reason = `it starts with the byte order mark of ${marked.name}, so it is not ${named.name}; say \`encoding: ${marked.name}\``;
  throw failure('INPUT_ENCODING', { path, line: 1, reason });
}

function startsWith(head: Buffer, mark: Buffer | undefined): boolean {
  return mark !== undefined && head.subarray(0, mark.length).equals(mark);
}

/** The failure for the first byte of `piece` that is not of the charset; `offset` is of the piece in the file. */
export function invalidBytes(charset: Charset, piece: Buffer, offset: number, linesBefore: number, path: string) {
  const at = charset.invalidAt(piece);
  const line = linesBefore + countLines(charset.decode(piece.subarray(0, at)) ?? '') + 1;
  const byte = piece[at]!;
  const shown = byte.toString(16).toUpperCase().padStart(2, '0');
  const cut = charset.mark !== undefined && at >= charset.boundary(piece);
  const what = cut ? 'starts a character that is cut off' : `is not valid ${charset.name}`;
  // Windows-1252 puts letters and quotes where Latin-1 has control characters.
  const other = byte >= 0x80 && byte < 0xa0 ? 'windows-1252' : 'latin1';
  const advice =
    charset.name === other ? 'say the encoding it is in' : `say the encoding it is in, such as \`encoding: ${other}\``;
  const reason = `byte 0x${shown} at offset ${offset + at} ${what}; ${advice}`;
  return failure('INPUT_ENCODING', { path, line, reason });
}

function unencodable(charset: Charset, text: string, path: string) {
  const character = Array.from(text).find((each) => charset.encode(each) === undefined) ?? text;
  const code = character.codePointAt(0)!;
  const hex = code.toString(16).toUpperCase().padStart(4, '0');
  const half = code >= 0xd800 && code <= 0xdfff;
  const value = half ? `half a surrogate pair (U+${hex})` : `the character "${character}" (U+${hex})`;
  return failure('VALUE_LOSSY', { where: path, value, target: `the encoding ${charset.name}` });
}

function isHighSurrogate(code: number): boolean {
  return code >= 0xd800 && code <= 0xdbff;
}

function asBuffer(chunk: Uint8Array): Buffer {
  return Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}
