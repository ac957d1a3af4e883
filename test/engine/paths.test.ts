// The path grammar and its patterns.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  hasPattern,
  matcher,
  type Path,
  showPath,
  splitPath,
  splitPattern,
  withoutEscapes,
} from '../../engine/paths.ts';

describe('splitPath', () => {
  test.each<[string, Path]>([
    ['a.csv', { kind: 'local', path: 'a.csv' }],
    ['./in/a.csv', { kind: 'local', path: './in/a.csv' }],
    ['../a b.csv', { kind: 'local', path: '../a b.csv' }],
    ['file:///data/a%20b.csv', { kind: 'local', path: '/data/a b.csv' }],
    ['file://localhost/data/a.csv', { kind: 'local', path: '/data/a.csv' }],
    ['file:///data/**/*.csv', { kind: 'local', path: '/data/**/*.csv' }],
    ['file:///data/a?.csv', { kind: 'local', path: '/data/a?.csv' }],
    ['-', { kind: 'stdio' }],
    ['https://host.example/x.csv?a=b', { kind: 'url', url: 'https://host.example/x.csv?a=b' }],
    ['HTTP://host.example', { kind: 'url', url: 'HTTP://host.example' }],
    ['/my-s3/in/a.csv', { kind: 'connection', name: 'my-s3', path: 'in/a.csv' }],
    ['my-s3:/in/a.csv', { kind: 'connection', name: 'my-s3', path: 'in/a.csv' }],
    ['my-s3:/', { kind: 'connection', name: 'my-s3', path: '' }],
    ['/g98ffn156zsj/calls', { kind: 'connection', name: 'g98ffn156zsj', path: 'calls' }],
    ['/shop', { kind: 'connection', name: 'shop', path: '' }],
    ['/shop/', { kind: 'connection', name: 'shop', path: '' }],
    ['/shop/in/', { kind: 'connection', name: 'shop', path: 'in/' }],
    ['/shop/./in/./a', { kind: 'connection', name: 'shop', path: 'in/a' }],
    ['/shop/a//b', { kind: 'connection', name: 'shop', path: 'a//b' }],
    ['/shop/a..b/...', { kind: 'connection', name: 'shop', path: 'a..b/...' }],
    ['c:/x', { kind: 'local', path: 'c:/x' }],
    ['notes:2024.txt', { kind: 'local', path: 'notes:2024.txt' }],
    ['./-', { kind: 'local', path: './-' }],
  ])('%s', (text, expected) => {
    expect(splitPath(text)).toEqual(expected);
  });

  test.each<[string, string]>([
    ['', 'the path "" is empty'],
    ['  ', 'the path "  " is empty'],
    ['a\0b', 'has a NUL character in it'],
    ['s3://bucket/a.csv', 'starts with s3://; make a connection for that system, then write /its-alias/…'],
    ['postgres://me:secret@db/shop', 'the path "postgres://db/shop" starts with postgres://'],
    ['https://me:secret@host.example/x', 'the path "https://host.example/x" has a user name or password in it'],
    ['https://', 'is not a URL that can be read'],
    ['file://data/a.csv', 'must have three slashes, as in file:///data/a.csv'],
    ['file:///a%2', 'has a % that is not followed by two hexadecimal digits'],
    ['//host/a', 'has no connection between its first two slashes'],
    ['/', 'has no connection'],
    ['/*/a.csv', 'has a pattern where its connection stands'],
    ['/shop/../a', 'goes up with ".."'],
    ['~/a.csv', 'starts with ~, which only a shell knows'],
  ])('refuses %j', (text, message) => {
    expect(() => splitPath(text)).toThrow(
      expect.objectContaining({ code: 'PATH_INVALID', message: expect.stringContaining(message) }),
    );
  });

  test('what is shown means the same again', () => {
    fc.assert(
      fc.property(
        fc.string({
          unit: fc.constantFrom('a', 'b', '/', '.', '-', ':', '%', '4', '1', ' ', '*', '~', '#', '?', 'é'),
          maxLength: 20,
        }),
        (text) => {
          for (const prefix of ['', 'file:///', '/', 'my-s3:/', 'https://h/']) {
            let path: Path;
            try {
              path = splitPath(prefix + text);
            } catch (error) {
              expect(error).toMatchObject({ code: 'PATH_INVALID' });
              continue;
            }
            expect(splitPath(showPath(path))).toEqual(path);
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

describe('patterns', () => {
  test.each<[string, boolean]>([
    ['a.csv', false],
    ['*.csv', true],
    ['a?.csv', true],
    ['in/**', true],
    ['{a,b}.csv', true],
    ['{a}.csv', false],
    ['a[1].csv', false],
    ['a\\*.csv', false],
    ['\\{a,b}', false],
    ['{a/b,c}', false],
  ])('hasPattern %s', (path, expected) => {
    expect(hasPattern(path)).toBe(expected);
  });

  test.each<[string, string, string]>([
    ['in/2024/*.csv', 'in/2024', '*.csv'],
    ['*.csv', '', '*.csv'],
    ['in/*/a.csv', 'in', '*/a.csv'],
    ['/data/*.csv', '/data', '*.csv'],
    ['/*.csv', '/', '*.csv'],
    ['in/a.csv', 'in', 'a.csv'],
    ['i\\*n/*.csv', 'i*n', '*.csv'],
  ])('splitPattern %s', (pattern, base, rest) => {
    expect(splitPattern(pattern)).toEqual({ base, rest });
  });

  test.each<[string, string[], string[]]>([
    ['*.csv', ['a.csv', 'b.csv'], ['a.csv.gz', 'in/a.csv', '.a.csv', 'a.CSV']],
    ['in/**/*.csv', ['in/a.csv', 'in/x/a.csv', 'in/x/y/a.csv'], ['a.csv', 'in/.x/a.csv', 'inx/a.csv']],
    ['**/a.csv', ['a.csv', 'x/y/a.csv'], ['xa.csv', 'x/ba.csv']],
    ['in/**', ['in/a', 'in/x/b'], ['out/a', 'in/.hidden']],
    ['a?.csv', ['a1.csv', 'aé.csv', 'a😀.csv'], ['a.csv', 'a/.csv']],
    ['{a,b}*.csv', ['a.csv', 'b1.csv'], ['c.csv', '{a,b}.csv']],
    ['x{,y}.csv', ['x.csv', 'xy.csv'], ['xyy.csv']],
    ['a+(b)[c]|^$.csv', ['a+(b)[c]|^$.csv'], ['ab.csv', 'aab.csv']],
    ['a\\*.csv', ['a*.csv'], ['ab.csv']],
    ['{a\\,b,c}', ['a,b', 'c'], ['a', 'b']],
    ['.*', ['.a'], ['a']],
    ['{a}', ['{a}'], ['a']],
  ])('matcher %s', (pattern, yes, no) => {
    const matches = matcher(pattern);
    for (const path of yes) expect(matches(path), path).toBe(true);
    for (const path of no) expect(matches(path), path).toBe(false);
  });

  test('a path without a pattern matches itself and nothing else', () => {
    const path = fc.string({
      unit: fc.constantFrom('a', 'b', '.', '+', '(', '[', '{', '}', '|', '^', '$', '/', 'é', ' '),
      minLength: 1,
      maxLength: 15,
    });
    fc.assert(
      fc.property(path, path, (one, other) => {
        fc.pre(!hasPattern(one));
        expect(matcher(one)(one)).toBe(true);
        expect(matcher(one)(other)).toBe(one === other);
      }),
    );
  });

  test('any text is a pattern, and an escaped one means itself', () => {
    const text = fc.string({ unit: fc.constantFrom('a', '*', '?', '{', '}', ',', '\\', '/', '.'), maxLength: 12 });
    fc.assert(
      fc.property(text, (pattern) => {
        expect(typeof matcher(pattern)('a')).toBe('boolean');
        const escaped = pattern.replace(/[*?{},\\]/g, '\\$&');
        expect(hasPattern(escaped)).toBe(false);
        expect(matcher(escaped)(pattern)).toBe(true);
        expect(withoutEscapes(escaped)).toBe(pattern);
      }),
      { numRuns: 3_000 },
    );
  });
});
