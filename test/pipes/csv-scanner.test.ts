// The byte scanner against the text scanner: ends of fields, records, lines, and what it says of quotes.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createScanner } from '../../engine/scan/scanner.ts';
import { dialectOf } from '../../pipes/formats/csv/dialect.ts';
import { scanText } from '../../pipes/formats/csv/text-scan.ts';

const dialect = dialectOf({ name: 'csv' });

function scan(text: string) {
  const bytes = Buffer.from(text);
  // Small, so that it has to grow.
  const scanner = createScanner(16);
  scanner.reserve(bytes.length);
  bytes.copy(scanner.bytes());
  const found = scanner.scan(0, bytes.length, 0x2c, 0x22);
  return { ...found, ends: [...scanner.ends().subarray(0, found.fields)] };
}

const units = fc.constantFrom('a', '0123456789', ',', ',,', '\n', '\r\n', 'é', '東', '𝄞', '\0', '\x7f', '\x80');
const lengths = { maxLength: 120 };

describe('the byte scanner', () => {
  test('finds what the text scanner finds, quotes in their places', async () => {
    const quoted = fc.string({ unit: fc.oneof(units, fc.constant('""')), maxLength: 40 }).map((text) => `"${text}"`);
    const field = fc.oneof(fc.string({ unit: units.filter((unit) => !/[,\n]/.test(unit)), ...lengths }), quoted);
    const line = fc.array(field, { minLength: 1, maxLength: 40 }).map((fields) => fields.join(','));
    fc.assert(
      fc.property(fc.array(line, { maxLength: 8 }), (lines) => {
        const text = lines.join('\n');
        const { ends, records, lines: lineCount, end } = scanText(text, dialect);
        const found = scan(text);
        expect(found.ends).toEqual(ends);
        expect(found).toMatchObject({ records, lines: lineCount, end: Buffer.byteLength(text.slice(0, end)) });
        expect(found.stray).toBe(false);
        expect(found.quotes).toBe(text.includes('"'));
        expect(found.ascii).toBe(/^[\0-\x7f]*$/.test(text));
      }),
      { numRuns: 800 },
    );
  });

  test('says when a quote opens inside a field, when one is doubled, and when the last is open', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.oneof(units, fc.constant('"')), ...lengths }), (text) => {
        let open = false;
        let stray = false;
        let doubled = false;
        for (let at = 0; at < text.length; at++) {
          if (text[at] !== '"') continue;
          if (!open && at > 0 && !',\n"'.includes(text[at - 1]!)) stray = true;
          if (!open && text[at - 1] === '"') doubled = true;
          open = !open;
        }
        expect(scan(text)).toMatchObject({ open, stray, doubled });
      }),
      { numRuns: 1500 },
    );
  });

  test('of more fields than bits in a block', () => {
    const text = `${','.repeat(1000)}\n${'\n'.repeat(500)}`;
    expect(scan(text)).toMatchObject({ fields: 1501, records: 501, end: 1501 });
    expect(scan(text).ends).toEqual(Array.from({ length: 1501 }, (_, index) => index));
  });
});
