// EIDs and aliases: what they look like, and that neither is taken for the other.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aliasProblem, isAlias, isEid, newEid } from '../../engine/eid.ts';

describe('EIDs', () => {
  it('have 12 letters without vowels and digits, a letter first, and do not come twice', () => {
    const eids = Array.from({ length: 20_000 }, newEid);
    for (const eid of eids) expect(eid).toMatch(/^[bcdfghjklmnpqrstvwxyz][bcdfghjklmnpqrstvwxyz0-9]{11}$/);
    expect(new Set(eids).size).toBe(eids.length);
    expect(new Set(eids.map((eid) => eid[0])).size).toBe(21);
    expect(new Set(eids.join('')).size).toBe(31);
  });

  it('are told from other words', () => {
    expect(isEid('g98ffn156zsj')).toBe(true);
    for (const text of [
      '',
      'g98ffn156zs',
      'g98ffn156zsjk',
      '998ffn156zsj',
      'g98ffn156zaj',
      'G98ffn156zsj',
      'g98ffn156zsj\n',
    ]) {
      expect(isEid(text), text).toBe(false);
    }
  });

  it('are never aliases', () => {
    fc.assert(fc.property(fc.constant(undefined).map(newEid), (eid) => isEid(eid) && !isAlias(eid)));
    expect(aliasProblem('g98ffn156zsj')).toContain('EID');
  });
});

describe('aliases', () => {
  it.each(['my-twilio', 'db', 'a1', 's3', 'postgres', 'shop_db-2', 'a'.repeat(64)])('%s is one', (alias) => {
    expect(aliasProblem(alias)).toBeUndefined();
    expect(isAlias(alias)).toBe(true);
  });

  it.each(['', 'a', 'A1', '1a', '-a', '_a', 'a b', 'a.b', 'a/b', 'ä1', 'a'.repeat(65), 'ab\n'])(
    '%j is none',
    (text) => {
      expect(aliasProblem(text)).toContain('lower-case letters');
    },
  );

  it.each(['file', 'http', 'https', 'stdin', 'passphrase'])('%s is reserved', (word) => {
    expect(aliasProblem(word)).toContain('reserved');
    expect(isAlias(`${word}-1`)).toBe(true);
  });
});
