// Cells written as bytes: the common dialects, without a string in between.
import { valueText } from '../values.ts';

/** Where cells are written. What does not fit is left out, but counted: then make it larger and write again. */
export interface Output {
  bytes: Buffer;
}

/** Each gives the place after what it wrote at `at`. */
export interface CellWriters {
  text(value: string, at: number): number;
  number(value: number, at: number): number;
}

/** Longer texts are written by Node's own code, whose calls cost more than they save in short ones. */
const longest = 64;

// What a character calls for; a Uint8Array so that one look tells it.
const isSpecial = 1;
const isWide = 2;

/** Text that is not well formed fails with a RangeError. */
export function cellWriters(
  output: Output,
  dialect: { delimiter: number; quote: number; nulls: readonly string[]; quoteAll: boolean },
): CellWriters {
  const { delimiter, quote, nulls, quoteAll } = dialect;
  const kinds = new Uint8Array(0x10000).fill(isWide, 0x80);
  for (const code of [delimiter, quote, 0x0a, 0x0d]) kinds[code] = isSpecial;
  const quoteText = String.fromCharCode(quote);
  const special = new RegExp(`[\\x${hex(delimiter)}\\x${hex(quote)}\\r\\n]`);
  const otherNulls = nulls.filter((text) => text !== '');
  const plainNumbers = !quoteAll && otherNulls.length === 0 && !/[-.\d]/.test(String.fromCharCode(delimiter, quote));

  const text = (value: string, at: number): number => {
    const { length } = value;
    if (quoteAll || length === 0 || (otherNulls.length > 0 && otherNulls.includes(value))) return quoted(value, at);
    if (length > longest) return special.test(value) ? quoted(value, at) : plain(value, at);
    const { bytes } = output;
    let kind = 0;
    for (let index = 0; index < length; index++) {
      const code = value.charCodeAt(index);
      kind |= kinds[code]!;
      bytes[at + index] = code;
    }
    if (kind === 0) return at + length;
    return (kind & isSpecial) === 0 ? plain(value, at) : quoted(value, at);
  };

  /** In UTF-8; `doubling` writes each quote twice. */
  const plain = (value: string, at: number, doubling = false): number => {
    const { bytes } = output;
    const { length } = value;
    if (length > longest && !doubling) {
      if (!value.isWellFormed()) throw new RangeError('half a surrogate pair');
      return at + 3 * length > bytes.length ? at + 3 * length : at + bytes.write(value, at, 'utf8');
    }
    let end = at;
    for (let index = 0; index < length; index++) {
      let code = value.charCodeAt(index);
      if (code < 0x80) {
        if (doubling && code === quote) bytes[end++] = quote;
        bytes[end++] = code;
        continue;
      }
      if (code < 0x800) {
        bytes[end++] = 0xc0 | (code >> 6);
      } else {
        if (code >= 0xd800 && code <= 0xdfff) {
          code = value.codePointAt(index++)!;
          if (code < 0x10000) throw new RangeError('half a surrogate pair');
          bytes[end++] = 0xf0 | (code >> 18);
          bytes[end++] = 0x80 | ((code >> 12) & 0x3f);
        } else {
          bytes[end++] = 0xe0 | (code >> 12);
        }
        bytes[end++] = 0x80 | ((code >> 6) & 0x3f);
      }
      bytes[end++] = 0x80 | (code & 0x3f);
    }
    return end;
  };

  const quoted = (value: string, at: number): number => {
    const { bytes } = output;
    bytes[at] = quote;
    const end = plain(value, at + 1, value.includes(quoteText));
    bytes[end] = quote;
    return end + 1;
  };

  const digits = (value: number, at: number): number => {
    const { bytes } = output;
    let length = 1;
    for (let limit = 10; limit <= value; limit *= 10) length++;
    let rest = value;
    for (let index = at + length - 1; index >= at; index--) {
      const shorter = (rest / 10) | 0;
      bytes[index] = 0x30 + rest - 10 * shorter;
      rest = shorter;
    }
    return at + length;
  };

  const number = (value: number, at: number): number => {
    if (!plainNumbers || !(value > -1e8 && value < 1e8) || value === 0) return text(valueText(value), at);
    const { bytes } = output;
    const size = value < 0 ? -value : value;
    const scaled = Math.floor(size * 10_000 + 0.5);
    // `scaled` has at most 12 digits. No two decimals of up to 15 digits are the same double, so if this one is the
    // number, it is the shortest that is: what String would give.
    if (scaled / 10_000 !== size || size < 1e-4) return text(valueText(value), at);
    let end = at;
    if (value < 0) bytes[end++] = 0x2d;
    const whole = Math.floor(size);
    end = digits(whole, end);
    let fraction = scaled - whole * 10_000;
    if (fraction === 0) return end;
    bytes[end++] = 0x2e;
    for (let unit = 1000; fraction > 0; unit /= 10) {
      const digit = (fraction / unit) | 0;
      bytes[end++] = 0x30 + digit;
      fraction -= digit * unit;
    }
    return end;
  };

  return { text, number };
}

function hex(code: number): string {
  return code.toString(16).padStart(2, '0');
}
