// Whether a value stands at a place of a text, any of its characters percent-, JSON- or HTML-escaped, also several times.

/** What `matchAt` gives when there is no match, and when the text ends before that can be told. */
export const none = -1;
export const open = -2;

const QUOTE = 0x22;
const PERCENT = 0x25;
const AMPERSAND = 0x26;
const APOSTROPHE = 0x27;
const PLUS = 0x2b;
const BACKSLASH = 0x5c;
const SPACE = 0x20;
const NEWLINE = 0x0a;
const RETURN = 0x0d;

/** Characters that may begin an escape, or stand for another one. */
export const escapes = new Set([PERCENT, AMPERSAND, PLUS, BACKSLASH, RETURN, NEWLINE, 0x2d, 0x5f]);

const letterOf = new Map([...'nrtbfv0'].map((letter, i) => [letter.charCodeAt(0), '\n\r\t\b\f\v\0'.charCodeAt(i)]));
const entityOf = new Map(Object.entries({ amp: 0x26, lt: 0x3c, gt: 0x3e, quot: 0x22, apos: 0x27 }));
// base64url writes "-" and "_".
const base64Twin = new Map([...'+/'].map((letter, i) => [letter.charCodeAt(0), '-_'.charCodeAt(i)]));
const mostBranches = 200;

/** How far the last `matchAt` came at best: units of the value, and where in the text. */
export const reached = { units: 0, end: 0 };

/** The end of the value `units` in `text` when it stands at `at`; else `none` or `open`. */
export function matchAt(text: string, at: number, units: string, base64: boolean): number {
  reached.units = 0;
  reached.end = at;
  if (text.startsWith(units, at)) {
    reached.units = units.length;
    return at + units.length;
  }
  return match(text, at, units, 0, base64, 0);
}

function match(text: string, at: number, units: string, from: number, base64: boolean, branches: number): number {
  let i = at;
  let k = from;
  while (k < units.length) {
    if (k > reached.units) {
      reached.units = k;
      reached.end = i;
    }
    if (i >= text.length) return open;
    const want = units.charCodeAt(k);
    const have = text.charCodeAt(i);
    if (have === BACKSLASH) {
      const wanted = runOf(units, k);
      const run = runOf(text, i);
      if (run < wanted) return i + run === text.length ? open : none;
      i += run;
      k += wanted;
      if (k === units.length) {
        // An even number leaves what follows as escaped as it was.
        i -= run === wanted || run % 2 === 0 ? 0 : 1;
        break;
      }
      if (run > wanted) {
        const letter = text.charCodeAt(i);
        const [end, size] = escaped(text, i, units, k);
        if (end === open) return open;
        if (end !== none) {
          i = end;
          k += size;
        } else if (base64 && (letter === 0x6e || letter === 0x72)) i += 1; // Lines broken at 76 characters.
      }
      continue;
    }
    if (have === want && (want === QUOTE || want === APOSTROPHE)) {
      // SQL and CSV write a quote twice.
      const run = runOf(text, i, want);
      const wanted = Math.min(runOf(units, k, want), run);
      const twice = run >= 2 * wanted && !(wanted === 1 && run === 2);
      k += wanted;
      if (k === units.length) i += twice ? 2 * wanted : wanted;
      else if (run > 2 * wanted) return none;
      else i += run;
      continue;
    }
    if (have === want) {
      if ((want === PERCENT || want === AMPERSAND) && branches < mostBranches) {
        const end = match(text, i + 1, units, k + 1, base64, branches + 1);
        if (end !== none) return end;
      } else {
        i += 1;
        k += 1;
        continue;
      }
    }
    if (have === PERCENT) {
      const [end, size] = percent(text, i, units, k, base64, branches);
      if (size === 0) return end;
      i = end;
      k += size;
    } else if (have === AMPERSAND) {
      const found = entityAt(text, i);
      if (found === none || found === open) return found;
      const point = units.codePointAt(k)!;
      if (found.code !== point) return none;
      i = found.end;
      k += point > 0xffff ? 2 : 1;
    } else if (have === PLUS && want === SPACE) {
      i += 1;
      k += 1;
    } else if (have === RETURN && want === NEWLINE) {
      i += 1;
    } else if (base64 && base64Twin.get(want) === have) {
      i += 1;
      k += 1;
    } else if (base64 && k > from && (have === NEWLINE || have === RETURN)) {
      i += 1;
    } else return none;
  }
  reached.units = units.length;
  reached.end = i;
  return i;
}

function runOf(text: string, at: number, unit = BACKSLASH): number {
  let end = at;
  while (text.charCodeAt(end) === unit) end += 1;
  return end - at;
}

/** After a backslash: the end of a letter, `uXXXX` or `xXX` that stands for the unit wanted. */
function escaped(text: string, i: number, units: string, k: number): [end: number, size: number] {
  if (i >= text.length) return [open, 0];
  const letter = text.charCodeAt(i);
  const want = units.charCodeAt(k);
  if (letterOf.get(letter) === want) return [i + 1, 1];
  // A line end of another system, `\r\n`.
  if (want === NEWLINE && letter === 0x72) {
    const run = runOf(text, i + 1);
    if (i + 1 + run >= text.length) return [open, 0];
    return run > 0 && text.charCodeAt(i + 1 + run) === 0x6e ? [i + 2 + run, 1] : [none, 0];
  }
  const digits = letter === 0x75 ? 4 : letter === 0x78 ? 2 : 0;
  const hex = text.slice(i + 1, i + 1 + digits);
  if (digits === 0 || !/^[0-9a-f]*$/i.test(hex)) return [none, 0];
  if (hex.length < digits) return [open, 0];
  return Number.parseInt(hex, 16) === want ? [i + 1 + digits, 1] : [none, 0];
}

/**
 * A percent escape of the character wanted, itself escaped any number of times (`%2525…`). Gives where it ends and how
 * many units it was; size 0: the end of the whole match, or why there is none.
 */
function percent(
  text: string,
  at: number,
  units: string,
  k: number,
  base64: boolean,
  branches: number,
): [end: number, size: number] {
  const point = units.codePointAt(k)!;
  const bytes = point < 0x80 ? undefined : Buffer.from(String.fromCodePoint(point), 'utf8');
  for (let j = at + 1; ; j += 2) {
    const byte = hexByte(text, j);
    if (byte < 0) return [byte, 0];
    const want = bytes?.[0] ?? point;
    const twin = base64 ? base64Twin.get(want) : undefined;
    if (byte === want || byte === twin) {
      if (bytes !== undefined) return restOf(bytes, text, j + 2, point > 0xffff ? 2 : 1);
      if (byte !== PERCENT) return [j + 2, 1];
      const end = branches < mostBranches ? match(text, j + 2, units, k + 1, base64, branches + 1) : none;
      if (end !== none) return [end, 0];
    }
    if (byte !== PERCENT) return [none, 0];
  }
}

function restOf(bytes: Buffer, text: string, at: number, size: number): [end: number, size: number] {
  let i = at;
  for (const byte of bytes.subarray(1)) {
    if (i >= text.length) return [open, 0];
    if (text.charCodeAt(i) !== PERCENT) return [none, 0];
    i += 1;
    let found = hexByte(text, i);
    while (found === PERCENT) {
      i += 2;
      found = hexByte(text, i);
    }
    if (found !== byte) return [found === open ? open : none, 0];
    i += 2;
  }
  return [i, size];
}

function hexByte(text: string, at: number): number {
  const high = hexDigit(text.charCodeAt(at));
  const low = hexDigit(text.charCodeAt(at + 1));
  if (high >= 0 && low >= 0) return high * 16 + low;
  return at >= text.length || (high >= 0 && at + 1 >= text.length) ? open : none;
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = code | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

function entityAt(text: string, at: number): { code: number; end: number } | typeof none | typeof open {
  const [whole, decimal, hex, name] =
    /^&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([a-z]{2,4}));/.exec(text.slice(at, at + 12)) ?? [];
  if (whole === undefined) return text.length - at < 12 && /^&#?\w*$/.test(text.slice(at)) ? open : none;
  const code =
    name === undefined ? Number.parseInt(decimal ?? hex!, decimal === undefined ? 16 : 10) : entityOf.get(name);
  return code === undefined ? none : { code, end: at + whole.length };
}

/** The first unit, or lead byte, that an escape at `at` may stand for: where to look for values that begin there. */
export function decodedAt(text: string, at: number): number[] {
  const have = text.charCodeAt(at);
  if (have === PLUS) return [SPACE];
  if (have === BACKSLASH) {
    const i = at + runOf(text, at);
    const letter = text.charCodeAt(i);
    const digits = letter === 0x75 ? 4 : letter === 0x78 ? 2 : 0;
    const coded = digits === 0 ? letterOf.get(letter) : Number.parseInt(text.slice(i + 1, i + 1 + digits), 16);
    return [letter, coded ?? Number.NaN].filter((code) => !Number.isNaN(code));
  }
  if (have === AMPERSAND) {
    const found = entityAt(text, at);
    return typeof found === 'number'
      ? []
      : [found.code > 0xffff ? String.fromCodePoint(found.code).charCodeAt(0) : found.code];
  }
  if (have !== PERCENT) return [];
  const codes: number[] = [];
  for (let j = at + 1; ; j += 2) {
    const byte = hexByte(text, j);
    if (byte < 0) return codes;
    codes.push(byte);
    if (byte !== PERCENT) return codes;
  }
}
