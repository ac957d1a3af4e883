// The text inside quotes: what was written twice or escaped, as it is meant.

/** Longer texts are worked on as bytes: replaceAll makes an object for every match, which the collector must follow. */
const longest = 4096;

/** Each doubled quote as one. */
export function withoutDoubles(inner: string, quote: string): string {
  if (!inner.includes(quote)) return inner;
  const code = quote.charCodeAt(0);
  if (inner.length <= longest || code >= 0x80) return inner.replaceAll(quote + quote, quote);
  const bytes = Buffer.from(inner, 'utf8');
  let end = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!;
    bytes[end++] = byte;
    if (byte === code) at++;
  }
  return bytes.toString('utf8', 0, end);
}

/** Without the escapes before a quote or another escape; before anything else an escape stands for itself. */
export function withoutEscapes(inner: string, quote: string, escaping: string): string {
  const parts: string[] = [];
  let start = 0;
  let at = inner.indexOf(escaping);
  while (at !== -1) {
    const next = inner[at + 1];
    const escapes = next === quote || next === escaping;
    if (escapes) {
      parts.push(inner.slice(start, at));
      start = at + 1;
    }
    at = inner.indexOf(escaping, at + (escapes ? 2 : 1));
  }
  return start === 0 ? inner : parts.join('') + inner.slice(start);
}
