// Secrets to plant, and the search for them in a text, in every form that an encoding gives them.
import { inspect } from 'node:util';

/** Secrets of the shapes that slip through: each has something that an escape, an encoding or a line break changes. */
export const canaries: Readonly<Record<string, string>> = {
  plain: 'canaryPlainQ7zR2',
  'URL-unsafe': 'cn/1?a=b&c#d+e f%20@:;',
  'multi-line key': '-----BEGIN KEY-----\ncanaryLineOneAAAA\ncanaryLineTwoBBBB\n-----END KEY-----\n',
  'JSON inside': '{"client_secret":"canaryInnerJ5on","n":"a\\"b\\\\c"}',
  'base64 look-alike': 'Y2FuYXJ5QmFzZTY0Kys/Lw==',
  'five characters': 'c#4/y',
  'other letters': 'Schlüssel-鍵-🔑-canary',
  'quotes and backslashes': 'cn"q\'b\\s\\\\n`t$x',
  long: `canaryLong${'Ab3/'.repeat(400)}end`,
  'URL with password': 'https://canaryuser:canaryP%40ss9@host.example/x',
  'hexadecimal look-alike': '63616e617279deadbeef0123',
  'spaces around': '  canary spaced out\t',
};

/** Shorter forms would be found in what has nothing to do with them. */
const shortest = 5;
const known = new Map<string, readonly string[]>();

/** The texts that a canary must not be found as. */
export function formsOf(secret: string): readonly string[] {
  const before = known.get(secret);
  if (before !== undefined) return before;
  const inner = [...secret.matchAll(/canary[A-Za-z0-9%]{6,}/g)].map(([text]) => text);
  const forms = new Set<string>();
  for (const text of [secret, secret.trim(), ...inner]) {
    const bytes = Buffer.from(text);
    forms.add(text);
    forms.add(encodeURIComponent(text));
    forms.add(encodeURI(text));
    forms.add(new URLSearchParams({ x: text }).toString().slice(2));
    forms.add(JSON.stringify(text).slice(1, -1));
    forms.add(JSON.stringify(JSON.stringify(text)).slice(3, -3));
    forms.add(text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;').replaceAll("'", '&#39;'));
    forms.add(bytes.toString('hex'));
    forms.add(inspect(text).slice(1, -1));
    const url = encodeURIComponent(text);
    // As OAuth sends the secret of an application (RFC 6749, 2.3.1).
    const form = url
      .replace(/[-_.!~*'()]/g, (char) => `%${Buffer.from(char).toString('hex').toUpperCase()}`)
      .replaceAll('%20', '+');
    for (const each of new Set([text, url, form])) {
      const sent = Buffer.from(each);
      // Wherever it stands inside of a longer text: what of it does not depend on its neighbours.
      for (const shift of [0, 1, 2]) {
        const encoded = Buffer.concat([Buffer.alloc(shift), sent])
          .toString('base64')
          .replace(/=+$/, '');
        const own = encoded.slice(shift === 0 ? 0 : shift + 1, (shift + sent.length) % 3 === 0 ? undefined : -1);
        forms.add(own).add(own.replaceAll('+', '-').replaceAll('/', '_'));
      }
    }
  }
  const found = [...forms].filter((form) => form.length >= shortest);
  known.set(secret, found);
  return found;
}

/** The canaries found in a text, with the form and what is around it. */
export function leaksIn(text: string, planted: readonly string[]): string[] {
  return planted.flatMap((name) =>
    formsOf(canaries[name]!).flatMap((form) => {
      const at = text.indexOf(form);
      if (at < 0) return [];
      const around = text.slice(Math.max(0, at - 60), at + 40);
      return [`${name} as ${JSON.stringify(form.slice(0, 40))} in …${JSON.stringify(around)}`];
    }),
  );
}
