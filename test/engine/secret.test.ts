// A secret has no printable form, whatever is tried.
import { format, inspect } from 'node:util';
import { serialize } from 'node:v8';
import { describe, expect, it } from 'vitest';
import { credentialOf, isSecret, revealed, secret } from '../../engine/secret.ts';

const value = 'hunter2-Ünïcode';

describe('secret', () => {
  const hidden = secret(value);

  it('gives its value to the one who asks for it', () => {
    expect(hidden.reveal()).toBe(value);
    expect(secret('').reveal()).toBe('');
  });

  const forms: Record<string, () => unknown> = {
    'String()': () => String(hidden),
    template: () => `${hidden}`,
    concatenation: () => `a${hidden}`,
    toString: () => hidden.toString(),
    toLocaleString: () => hidden.toLocaleString(),
    JSON: () => JSON.stringify({ password: hidden, list: [hidden] }),
    inspect: () => inspect({ password: hidden }),
    'inspect, hidden and proxies shown': () =>
      inspect(hidden, { showHidden: true, showProxy: true, depth: 9, getters: true }),
    'inspect, without its own form': () => inspect(hidden, { customInspect: false, showHidden: true, depth: 9 }),
    'console format': () => format('%s %o %O %j %d', hidden, hidden, hidden, hidden, hidden),
    'Object.keys': () => Object.keys(hidden).join(),
    'Object.entries': () => inspect(Object.entries(hidden)),
    'own names and symbols': () => inspect(Reflect.ownKeys(hidden).map((key) => [key, Reflect.get(hidden, key)])),
    spread: () => inspect({ ...hidden }),
    structuredClone: () => inspect(structuredClone(hidden), { showHidden: true }),
    serialize: () => serialize(hidden).toString('latin1'),
    'error message': () => new Error(`refused ${hidden}`).stack,
    'for in': () => {
      const found: unknown[] = [];
      for (const key in hidden) found.push(key);
      return found.join();
    },
  };
  it.each(Object.entries(forms))('%s shows nothing', (_, form) => {
    const shown = String(form());
    expect(shown).not.toContain('hunter2');
    expect(shown).not.toContain('nïcode');
  });

  it('prints as [secret]', () => {
    expect(`${hidden}`).toBe('[secret]');
    expect(JSON.stringify({ a: hidden })).toBe('{"a":"[secret]"}');
    expect(inspect({ a: hidden })).toBe('{ a: [secret] }');
  });

  it('cannot be changed into something that prints', () => {
    expect(() => Object.assign(hidden, { toString: () => 'x' })).toThrow(TypeError);
    expect(() => Object.assign(Object.getPrototypeOf(hidden), { toJSON: () => 'x' })).toThrow(TypeError);
  });

  it('knows its own', () => {
    expect(isSecret(hidden)).toBe(true);
    const lookalike = { reveal: () => 'x', toString: () => '[secret]', toJSON: () => '[secret]' };
    for (const other of ['[secret]', null, undefined, {}, lookalike]) expect(isSecret(other)).toBe(false);
  });

  it('makes credentials of fields, and fields of credentials', () => {
    const fields = JSON.parse('{"user":"u","password":"p","__proto__":"q"}') as Record<string, string>;
    expect(Object.entries(revealed(credentialOf(fields)))).toEqual([
      ['user', 'u'],
      ['password', 'p'],
      ['__proto__', 'q'],
    ]);
  });
});
