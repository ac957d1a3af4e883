// What to look for when a secret must not be seen: the value, its parts, and its base64 and hexadecimal forms.

export interface Pattern {
  /** UTF-16 code units, or the bytes of the UTF-8 form, one a unit; each may stand escaped in the text. */
  readonly units: string;
  readonly base64: boolean;
  /** Characters next to a match that hold a few of the value's bits. */
  readonly before: 0 | 1;
  readonly after: 0 | 1;
  /** From how many units on the beginning of a value that was cut off counts as a match. */
  readonly enough: number;
}

/** Shorter values are not looked for: they would be found in words and numbers everywhere. */
const shortestValue = 4;
const shortestLine = 8;

// So long a beginning is no common one (`https://hooks.…/`, a token's header), and tells enough to harm.
const enoughOf = (units: string) => Math.max(16, Math.min(40, Math.ceil(units.length / 2)));

const plain = (units: string): Pattern => ({ units, base64: false, before: 0, after: 0, enough: enoughOf(units) });

/** Percent, JSON and HTML escapes need no patterns of their own: the matcher reads through them. */
export function patternsOf(value: string): Pattern[] {
  const values = [value, value.trim(), ...innerSecrets(value)].filter((text) => text.length >= shortestValue);
  const patterns: Pattern[] = [];
  for (const text of new Set(values)) {
    const bytes = Buffer.from(text, 'utf8');
    patterns.push(...literal(text), ...base64Forms(bytes));
    for (const sent of escapedForms(text)) patterns.push(...base64Forms(Buffer.from(sent)));
    patterns.push(plain(bytes.toString('hex')), plain(bytes.toString('hex').toUpperCase()));
    for (const line of linesOf(text)) patterns.push(...literal(line));
  }
  return patterns;
}

/** As text, and as UTF-8 bytes for streams that are searched undecoded. */
function literal(text: string): Pattern[] {
  const bytes = Buffer.from(text, 'utf8').toString('latin1');
  return bytes === text ? [plain(text)] : [plain(text), plain(bytes)];
}

/** A key is often shown or sent line by line. Its BEGIN and END lines say nothing. */
function linesOf(text: string): string[] {
  if (!text.includes('\n')) return [];
  const lines = text.split('\n').map((line) => line.trim());
  return lines.filter((line) => line.length >= shortestLine && !/^-----(BEGIN|END) [A-Z0-9 ]+-----$/.test(line));
}

/** As it goes into base64 where a header carries it escaped: the secret of an OAuth application (RFC 6749, 2.3.1). */
function escapedForms(text: string): string[] {
  const url = encodeURIComponent(text.toWellFormed());
  const form = url
    .replace(/[-_.!~*'()]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%20', '+');
  return [...new Set([url, form, url.replaceAll('%20', '+')])].filter((each) => each !== text);
}

/**
 * The value at each of the three places it can have inside a longer base64 text: what of it does not depend on its
 * neighbours. The matcher takes the URL-safe alphabet as the same letters.
 */
function base64Forms(bytes: Buffer): Pattern[] {
  return [0, 1, 2].map((shift) => {
    const encoded = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64');
    const open = (shift + bytes.length) % 3 !== 0;
    const units = encoded.replace(/=+$/, '').slice(shift === 0 ? 0 : shift + 1, open ? -1 : undefined);
    return { units, base64: true, before: shift === 0 ? 0 : 1, after: open ? 1 : 0, enough: enoughOf(units) };
  });
}

const secretKey = /key|secret|token|pass|pwd|credential/i;

/** Secrets inside a secret: of a JSON key file, and the password of a URL. They are used, and shown, on their own. */
function innerSecrets(value: string): string[] {
  const text = value.trim();
  if (text.startsWith('{')) {
    try {
      return secretLeaves(JSON.parse(text), false);
    } catch {
      return [];
    }
  }
  const password = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) && URL.canParse(text) ? new URL(text).password : '';
  if (password === '') return [];
  try {
    return [password, decodeURIComponent(password)];
  } catch {
    return [password];
  }
}

function secretLeaves(value: unknown, named: boolean): string[] {
  if (typeof value === 'string') return named && value.length >= shortestLine ? [value, value.trim()] : [];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => secretLeaves(inner, named || secretKey.test(key)));
}
