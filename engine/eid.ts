// The names of connections: EIDs, which we make, and aliases, which users choose.
import { createHash, randomInt } from 'node:crypto';

// No vowels, so that no word comes out by chance.
const letters = 'bcdfghjklmnpqrstvwxyz';
const letterOrDigit = `${letters}0123456789`;
const eidLength = 12;
const eidShape = /^[b-df-hj-np-tv-z][b-df-hj-np-tv-z0-9]{11}$/;
const aliasShape = /^[a-z][a-z0-9_-]{1,63}$/;

// Schemes of a path, where it may lead, and words that the command line or PIPE_… variables use.
const reserved = new Set(
  'all data default file http https local new none passphrase pipe secret stdin stdout test'.split(' '),
);

/** A new connection's EID: 12 lower-case letters without vowels and digits, the first a letter; 58 random bits. */
export function newEid(): string {
  let eid = letters.charAt(randomInt(letters.length));
  while (eid.length < eidLength) eid += letterOrDigit.charAt(randomInt(letterOrDigit.length));
  return eid;
}

/** The EID of a connection that has an alias and none of its own: the same on every machine. */
export function eidOfAlias(alias: string): string {
  let number = BigInt(`0x${createHash('sha256').update(alias).digest('hex')}`);
  let eid = '';
  while (eid.length < eidLength) {
    const from = eid === '' ? letters : letterOrDigit;
    eid += from.charAt(Number(number % BigInt(from.length)));
    number /= BigInt(from.length);
  }
  return eid;
}

export function isEid(text: string): boolean {
  return eidShape.test(text);
}

export function isAlias(text: string): boolean {
  return aliasProblem(text) === undefined;
}

/** Why `text` cannot be an alias, to follow its name in a sentence; undefined when it can. */
export function aliasProblem(text: string): string | undefined {
  if (!aliasShape.test(text)) {
    return 'must be 2 to 64 lower-case letters, digits, "-" and "_", and begin with a letter';
  }
  if (isEid(text)) return 'looks like an EID; put a vowel or a "-" in it';
  if (reserved.has(text)) return 'is a reserved word; choose another';
  return undefined;
}
