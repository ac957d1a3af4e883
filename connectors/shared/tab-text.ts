// Lines of tab-separated text with backslash escapes, which COPY and LOAD DATA read, written as bytes.

/** Each writes a cell at `at` and `end` after it, and gives the place behind. */
export interface TabWriter {
  /** Throws `notWellFormed` for half a surrogate pair. */
  text(value: string, at: number, end: number): number;
  number(value: number, at: number, end: number): number;
  /** `\N`. */
  none(at: number, end: number): number;
  /** A copy of what has been written up to here. */
  taken(to: number): Buffer;
}

export const notWellFormed = new RangeError('half a surrogate pair');

/** Longer texts are written by Node's own code, whose calls cost more than they save in short ones. */
const longest = 64;

const special = /[\\\n\r\t]/;
const specials = /[\\\n\r\t]/g;
const letters: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

// What a character calls for; a Uint8Array so that one look tells it.
const isSpecial = 1;
const isWide = 2;
const kinds = new Uint8Array(0x10000).fill(isWide, 0x80);
for (const letter of Object.keys(letters)) kinds[letter.charCodeAt(0)] = isSpecial;

export function tabWriter(): TabWriter {
  let bytes = Buffer.allocUnsafeSlow(256 * 1024);

  const reserve = (size: number, at: number): void => {
    if (size <= bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(2 * size);
    bytes.copy(larger, 0, 0, at);
    bytes = larger;
  };

  const whole = (value: string, at: number, end: number): number => {
    const escaped = special.test(value) ? value.replace(specials, (letter) => letters[letter]!) : value;
    if (!escaped.isWellFormed()) throw notWellFormed;
    reserve(at + 3 * escaped.length + 1, at);
    const behind = at + bytes.write(escaped, at, 'utf8');
    bytes[behind] = end;
    return behind + 1;
  };

  const digits = (value: number, at: number): number => {
    let length = 1;
    for (let limit = 10; limit <= value; limit *= 10) length++;
    let rest = value;
    for (let i = at + length - 1; i >= at; i--) {
      const shorter = (rest / 10) | 0;
      bytes[i] = 0x30 + rest - 10 * shorter;
      rest = shorter;
    }
    return at + length;
  };

  return {
    text(value, at, end) {
      const { length } = value;
      if (length > longest) return whole(value, at, end);
      if (at + longest >= bytes.length) reserve(at + longest + 1, at);
      let kind = 0;
      for (let i = 0; i < length; i++) {
        const code = value.charCodeAt(i);
        kind |= kinds[code]!;
        bytes[at + i] = code;
      }
      if (kind !== 0) return whole(value, at, end);
      bytes[at + length] = end;
      return at + length + 1;
    },
    number(value, at, end) {
      const size = value < 0 ? -value : value;
      // At most 12 digits. No two decimals of up to 15 digits are the same double, so if this one is the number, it is
      // the shortest that is: what String would give.
      const scaled = Math.floor(size * 10_000 + 0.5);
      if (!(size < 1e8 && size >= 1e-4) || scaled / 10_000 !== size) {
        return this.text(Object.is(value, -0) ? '-0' : String(value), at, end);
      }
      if (at + longest >= bytes.length) reserve(at + longest + 1, at);
      let behind = at;
      if (value < 0) bytes[behind++] = 0x2d;
      const whole = Math.floor(size);
      behind = digits(whole, behind);
      let fraction = scaled - whole * 10_000;
      if (fraction > 0) bytes[behind++] = 0x2e;
      for (let unit = 1000; fraction > 0; unit /= 10) {
        const digit = (fraction / unit) | 0;
        bytes[behind++] = 0x30 + digit;
        fraction -= digit * unit;
      }
      bytes[behind] = end;
      return behind + 1;
    },
    none(at, end) {
      if (at + longest >= bytes.length) reserve(at + longest + 1, at);
      bytes[at] = 0x5c;
      bytes[at + 1] = 0x4e;
      bytes[at + 2] = end;
      return at + 3;
    },
    taken: (to) => Buffer.from(bytes.subarray(0, to)),
  };
}
