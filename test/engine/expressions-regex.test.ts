// Regular expressions against JavaScript's own on what both know, RE2's rules where they differ, and the time they take.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Problem } from '../../engine/expressions/problem.ts';
import { matcherOf } from '../../engine/expressions/regex.ts';

describe('as JavaScript has them', () => {
  const { pattern } = fc.letrec<{ atom: string; pattern: string }>((tie) => ({
    atom: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom(
        'a',
        'b',
        'c',
        '.',
        '\\d',
        '\\w',
        '\\W',
        '\\b',
        '\\B',
        '^',
        '$',
        '[ab]',
        '[^a]',
        '[a-c1]',
        '\\.',
        'é',
        '😀',
        '\\x61',
      ),
      tie('pattern').map((inner) => `(?:${inner})`),
      tie('pattern').map((inner) => `(${inner})`),
    ),
    pattern: fc
      .array(
        fc.tuple(tie('atom'), fc.constantFrom('', '', '', '*', '+', '?', '*?', '{2}', '{1,2}', '{0,1}', '{2,}', '|')),
        { maxLength: 5 },
      )
      .map((parts) =>
        // Assertions are not repeated: JavaScript refuses that with the flag "u".
        parts.map(([atom, mark]) => (/^(?:\\[bB]|[$^])$/.test(atom) && mark !== '|' ? atom : atom + mark)).join(''),
      ),
  }));
  const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '1', '.', ' ', '\n', 'é', '😀'), maxLength: 8 });

  test('random patterns and texts', () => {
    fc.assert(
      fc.property(pattern, fc.array(text, { minLength: 1, maxLength: 8 }), (source, texts) => {
        const [mine, theirs] = [matcherOf(source), new RegExp(source, 'u')];
        for (const text of texts) {
          // V8 sees a position between the two halves of a code point that is none.
          const each = source.includes('\\B') ? text.replaceAll('😀', 'é') : text;
          expect([source, each, mine(each)]).toEqual([source, each, theirs.test(each)]);
        }
      }),
      { numRuns: 3000 },
    );
  });
});

describe("RE2's own", () => {
  test.each<[string, string, boolean]>([
    ['(?i)straße', 'STRAßE', true],
    ['(?i:A)b', 'ab', true],
    ['(?i:A)b', 'aB', false],
    ['a(?i)b', 'aB', true],
    ['(?s)a.b', 'a\nb', true],
    ['a.b', 'a\nb', false],
    ['(?m)^b$', 'a\nb\nc', true],
    ['^b$', 'a\nb\nc', false],
    ['(?i)(?-i:a)B', 'Ab', false],
    ['\\Aab\\z', 'ab', true],
    ['b\\z', 'b\n', false],
    ['^\\p{L}+$', 'Žluť', true],
    ['^\\p{Lu}', 'ž', false],
    ['^\\pL$', 'ß', true],
    ['^\\P{L}$', 'ß', false],
    ['^\\p{Greek}+$', 'αβγ', true],
    ['^[\\p{L}\\d]+$', 'é1', true],
    ['^[[:alpha:]]+$', 'abc', true],
    ['^[[:^digit:]]+$', 'a1', false],
    ['^[]a]+$', ']a]', true],
    ['^[a-]+$', '-a', true],
    ['\\Qa.b\\E+$', 'a.bbb', true],
    ['^(?P<year>\\d{4})-(?<month>\\d\\d)$', '2024-05', true],
    ['\\s', '\u00a0', false],
    ['\\d', '٣', false],
    ['a{,2}', 'a{,2}', true],
    ['^.$', '😀', true],
    ['', '', true],
    ['a||b', 'x', true],
  ])('%s on %s', (pattern, text, expected) => {
    expect(matcherOf(pattern)(text)).toBe(expected);
  });

  test.each([
    ['(a', 'at position 3: a "(" is not closed'],
    ['a)', 'at position 2: a ")" closes nothing'],
    ['*a', 'at position 2: a repeat has nothing before it'],
    ['a**', 'at position 3: two repeats in a row'],
    ['(?=a)', 'at position 4: looking ahead or behind is not supported'],
    ['(a)\\1', 'at position 6: back-references are not supported'],
    ['[a', 'at position 3: a "[" is not closed'],
    ['[z-a]', 'at position 5: a range in "[…]" is upside down'],
    ['\\y', 'at position 3: "\\y" has no meaning'],
    ['\\', 'at position 2: it ends with a "\\"'],
    ['\\p{Foo}', 'at position 8: there is no class \\p{Foo}'],
    ['[[:foo:]]', 'at position 9: there is no class [:foo:]'],
    ['a{3,2}', 'at position 7: the larger count stands first'],
    ['a{2000}', 'at position 8: more than 1000 repeats'],
    ['(?x)a', 'at position 3: a group of this kind is not known'],
    ['((a{1000}){1000}){1000}', 'the pattern is too large'],
    ['(){1000}'.repeat(700), 'the pattern is longer than 5000 characters'],
    ['('.repeat(2000), 'it is nested too deeply'],
  ])('%s is refused', (pattern, reason) => {
    try {
      matcherOf(pattern);
      expect.unreachable();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      expect(error.reason).toContain(reason);
    }
  });

  test('empty parts repeated a billion times cost nothing', () => {
    expect(matcherOf('(((){1000}){1000}){1000}a')('a')).toBe(true);
  });
});

describe('time', () => {
  // With a matcher that goes back, each of these would take longer than the universe is old.
  const long = 'a'.repeat(100_000);
  test.each([
    ['^(a+)+$', `${long}!`, false],
    ['(a|aa)+$', `${long}!`, false],
    ['^(\\w+\\s?)*$', `${long}!`, false],
    ['(.*)(.*)(.*)(.*)[!]', long, false],
    ['(a?){50}a{50}$', `${'a'.repeat(50)}!`, false],
    ['(x+x+)+y', 'x'.repeat(100_000), false],
    ['(a*)*b', long, false],
    // Each of its positions is another state, 2^20 in all, so that states come and go.
    ['[ab]*a[ab]{20}c', 'ab'.repeat(5000), false],
  ])('%s', (pattern, text, expected) => {
    expect(matcherOf(pattern)(text)).toBe(expected);
  });
});
