// decodeText and encodeText against Node's own decoders and iconv-lite as oracles.
import fc from 'fast-check';
import iconv from 'iconv-lite';
import { describe, expect, test } from 'vitest';
import { decodeText, encodeText } from '../../pipes/formats/text.ts';
import { chunksOf, collect, contextFor, failureOf } from '../conformance/streams.ts';

const context = contextFor('in/a.txt');

async function decoded(bytes: Uint8Array, encoding?: string, sizes: readonly number[] = [7]): Promise<string> {
  let text = '';
  for await (const chunk of decodeText(chunksOf(bytes, sizes), encoding, context)) text += chunk;
  return text;
}

async function encoded(chunks: string[], encoding?: string, bom = false): Promise<Buffer> {
  return Buffer.concat(await collect(encodeText(chunks, encoding, bom, context)));
}

const sample = 'plain, Grüße €, 東京, 𝄞 and 👩‍👩‍👧 \ufffd end\n';
const sizesOfChunks = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 6 });
const wellFormed = fc.string({
  unit: fc.oneof(
    fc.constantFrom('a', 'é', '€', '東', '𝄞', '\n', '\ufffd', '\ufeff'),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  ),
});

describe('decodeText', () => {
  test('a UTF-8 text comes out the same however it is cut', async () => {
    await fc.assert(
      fc.asyncProperty(wellFormed, sizesOfChunks, async (text, sizes) => {
        expect(await decoded(Buffer.from(text), undefined, sizes)).toBe(text.replace(/^\ufeff/, ''));
      }),
      { numRuns: 300 },
    );
  });

  test('accepts exactly the bytes that a fatal TextDecoder accepts', async () => {
    const oracle = new TextDecoder('utf-8', { fatal: true });
    const bytesLikeText = fc
      .array(
        fc.oneof(
          fc.constantFrom(0x41, 0x0a, 0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xf0, 0x9d, 0x84, 0x9e, 0xed, 0xa0, 0xc0, 0xff),
          fc.integer({ min: 0, max: 255 }),
        ),
        { maxLength: 12 },
      )
      .filter(([a, b]) => !((a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff)));
    await fc.assert(
      fc.asyncProperty(bytesLikeText, sizesOfChunks, async (list, sizes) => {
        const bytes = Uint8Array.from(list);
        let expected: string | undefined;
        try {
          expected = oracle.decode(bytes);
        } catch {
          expected = undefined;
        }
        if (expected === undefined)
          expect((await failureOf(decoded(bytes, 'utf-8', sizes))).code).toBe('INPUT_ENCODING');
        else expect(await decoded(bytes, 'utf-8', sizes)).toBe(expected);
      }),
      { numRuns: 500 },
    );
  });

  test('a byte order mark chooses UTF-16, and is never part of the text', async () => {
    for (const size of [1, 2, 3, 5, 1000]) {
      for (const encoding of [undefined, 'utf-8', 'UTF-16']) {
        const little = Buffer.from(`\ufeff${sample}`, 'utf16le');
        expect(await decoded(little, encoding, [size])).toBe(sample);
        expect(await decoded(Buffer.from(little).swap16(), encoding, [size])).toBe(sample);
        expect(await decoded(Buffer.from(`\ufeff${sample}`), encoding, [size])).toBe(sample);
      }
      expect(await decoded(Buffer.from(`\ufeff${sample}`, 'utf16le'), 'utf-16le', [size])).toBe(sample);
      expect(await decoded(Buffer.from(sample, 'utf16le').swap16(), 'utf-16be', [size])).toBe(sample);
      expect(await decoded(Buffer.from(sample, 'utf16le'), 'utf-16', [size])).toBe(sample);
    }
  });

  test('a byte order mark of UTF-32 is stripped where UTF-32 is named', async () => {
    expect(await decoded(iconv.encode('\ufeffab', 'utf-32le'), 'utf-32le', [1])).toBe('ab');
    expect(await decoded(iconv.encode('\ufeffab', 'utf-32be'), 'UTF-32BE', [3])).toBe('ab');
  });

  test('a byte order mark in the middle is text', async () => {
    expect(await decoded(Buffer.from('a\ufeffb'))).toBe('a\ufeffb');
  });

  test('no bytes are no text', async () => {
    expect(await decoded(Buffer.alloc(0))).toBe('');
    expect(await decoded(Buffer.from('\ufeff'))).toBe('');
    expect(await decoded(Buffer.from('é'), undefined, [1])).toBe('é');
  });

  test('the encodings of iconv-lite, cut at every byte', async () => {
    const texts: [string, string][] = [
      ['latin1', 'caf\u00e9 \u0080\n'],
      ['windows-1252', 'caf\u00e9 \u20ac\n'],
      ['iso-8859-15', '\u20ac'],
      ['windows-1251', 'Привет, мир'],
      ['shift_jis', '東京都,テスト1\n表'],
      ['euc-kr', '서울 Seoul'],
      ['big5', '臺北,1'],
      ['gbk', '北京,1'],
      ['gb18030', '北京 \ufffd 𝄞 ü'],
      ['utf-32le', sample],
      ['utf-32be', sample],
      ['ascii', 'plain'],
    ];
    for (const [encoding, text] of texts) {
      const bytes = iconv.encode(text, encoding);
      for (let size = 1; size <= bytes.length; size++) expect(await decoded(bytes, encoding, [size])).toBe(text);
      expect(await encoded([text], encoding)).toEqual(bytes);
    }
  });

  test('every byte of Latin-1 and windows-1252 that is a character reads as in iconv-lite', async () => {
    for (const encoding of ['latin1', 'windows-1252', 'windows-1251', 'iso-8859-2', 'macroman', 'koi8-r']) {
      for (let byte = 0; byte < 256; byte++) {
        const expected = iconv.decode(Buffer.from([byte]), encoding);
        if (expected === '\ufffd')
          expect((await failureOf(decoded(Uint8Array.of(byte), encoding))).code).toBe('INPUT_ENCODING');
        else expect(await decoded(Uint8Array.of(byte), encoding)).toBe(expected);
      }
    }
  });
});

describe('decodeText refuses', () => {
  test('Latin-1 bytes in a UTF-8 file, with file, line, byte and advice', async () => {
    const bytes = Buffer.concat([Buffer.from('ä\nb\n\ufffd'), Buffer.from('caf\u00e9,1\n', 'latin1')]);
    for (let size = 1; size <= bytes.length; size++) {
      const error = await failureOf(decoded(bytes, undefined, [size]));
      expect(error.code).toBe('INPUT_ENCODING');
      expect(error.message).toMatch(/^in\/a\.txt:3: byte 0xE9 at offset 11 .*encoding: latin1/);
    }
  });

  test('a character that the end of the file cuts off', async () => {
    const bytes = Buffer.from('a\n€').subarray(0, 4);
    for (const size of [1, 2, 4]) {
      expect((await failureOf(decoded(bytes, undefined, [size]))).message).toContain(
        'in/a.txt:2: byte 0xE2 at offset 2 starts',
      );
    }
  });

  test('the line is that of the caller where it counts itself', async () => {
    const chunks = chunksOf(Buffer.from([0x41, 0x42, 0x43, 0x0a, 0xff]), [4]);
    const reading = collect(decodeText(chunks, undefined, context, { linesBefore: () => 41 }));
    expect((await failureOf(reading)).data.line).toBe(42);
  });

  test.each([
    ['utf-16le', [0x41, 0x00, 0x00, 0xd8, 0x42, 0x00], /byte 0x00 at offset 2/],
    ['utf-16le', [0x41, 0x00, 0x00, 0xdc], /at offset 2/],
    ['utf-16be', [0x00, 0x41, 0x42], /offset 2 starts a character that is cut off/],
    ['utf-16le', [0xfe, 0xff, 0x00, 0x41], /byte order mark of utf-16be/],
    ['ascii', [0x41, 0xe9], /byte 0xE9 at offset 1/],
    ['windows-1252', [0x41, 0x81], /byte 0x81 at offset 1/],
    ['shift_jis', [0x41, 0x0a, 0x93, 0x0a], /a\.txt:2: byte 0x93 at offset 2/],
    ['gb18030', [0x41, 0xff, 0x41], /byte 0xFF at offset 1/],
    ['utf-32le', [0x41, 0, 0, 0, 0, 0, 0x11, 0x7f], /is not valid utf-32le/],
  ])('what is not %s: %j', async (encoding, bytes, message) => {
    for (let size = 1; size <= bytes.length; size++) {
      const error = await failureOf(decoded(Uint8Array.from(bytes), encoding, [size]));
      expect(error.code).toBe('INPUT_ENCODING');
      expect(error.message).toMatch(message);
    }
  });

  test.each(['utf-9', 'base64', 'hex', 'utf-7', 'utf-32', 'constructor', ''])('the encoding "%s"', async (encoding) => {
    expect((await failureOf(decoded(Buffer.from('x'), encoding))).code).toBe('OPTION_UNSUPPORTED');
  });

  test('a misspelt encoding, with the near name', async () => {
    expect((await failureOf(decoded(Buffer.from('x'), 'windows-1522'))).message).toContain(
      'did you mean "windows-1252"',
    );
  });
});

describe('encodeText', () => {
  test('gives what Node gives, however the text is cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        wellFormed.filter((text) => !/^[\ufeff\ufffe]/.test(text)),
        fc.integer({ min: 1, max: 5 }),
        async (text, size) => {
          const pieces = Array.from({ length: Math.ceil(text.length / size) }, (_, i) =>
            text.slice(i * size, (i + 1) * size),
          );
          expect(await encoded(pieces)).toEqual(Buffer.from(text));
          expect(await encoded(pieces, 'utf-16le')).toEqual(Buffer.from(text, 'utf16le'));
          expect(await encoded(pieces, 'utf-16be')).toEqual(Buffer.from(text, 'utf16le').swap16());
        },
      ),
    );
  });

  test('a first character that looks like a mark is kept', async () => {
    for (const encoding of [undefined, 'utf-16le', 'utf-16be', 'utf-16']) {
      for (const text of ['\ufeff', '\ufeffa', '\ufffea', 'a\ufeff']) {
        expect(await decoded(await encoded([text], encoding), encoding)).toBe(text);
      }
    }
    const added = await collect(encodeText(['a'], 'utf-16', true, { ...context, continued: true }));
    expect(Buffer.concat(added)).toEqual(Buffer.from('a', 'utf16le'));
  });

  test('writes the byte order mark when asked, and always for utf-16', async () => {
    expect(await encoded(['a'], undefined, true)).toEqual(Buffer.from('\ufeffa'));
    expect(await encoded([], 'utf-16le', true)).toEqual(Buffer.from([0xff, 0xfe]));
    expect(await encoded(['a'], 'utf-16')).toEqual(Buffer.from([0xff, 0xfe, 0x61, 0]));
    expect(await encoded(['a'], 'utf-16be', true)).toEqual(Buffer.from([0xfe, 0xff, 0, 0x61]));
  });

  test.each([
    ['latin1', 'caf\u00e9 \u20ac', 'the character "€" (U+20AC)'],
    ['ascii', 'caf\u00e9', 'U+00E9'],
    ['windows-1252', '\u0141', 'U+0141'],
    ['shift_jis', '𝄞', 'U+1D11E'],
    ['windows-1252', 'a\ufffd', 'U+FFFD'],
    ['utf-8', 'a\ud834', 'half a surrogate pair (U+D834)'],
    ['utf-16le', '\udd1e', 'U+DD1E'],
  ])('refuses what %s does not have: %s', async (encoding, text, message) => {
    const error = await failureOf(encoded([text], encoding));
    expect(error.code).toBe('VALUE_LOSSY');
    expect(error.message).toContain(message);
    expect(error.message).toContain('in/a.txt');
  });
});
