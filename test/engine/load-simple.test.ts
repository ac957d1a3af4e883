// The fast way to read large files of plain YAML: whatever it takes, it reads as the parser for all of YAML does.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readSimple } from '../../engine/load/simple.ts';
import { createLines, type Place } from '../../engine/load/text.ts';
import { loadText } from '../../engine/load.ts';
import { pointerParts, pointerTo } from '../../engine/pointer.ts';

/** Every pointer of a value, the root's too. */
function* pointersOf(value: unknown, pointer = ''): Generator<string> {
  yield pointer;
  if (typeof value !== 'object' || value === null) return;
  for (const [key, each] of Object.entries(value)) yield* pointersOf(each, pointerTo(pointer, key));
}

/** False where the text is left to the other parser. */
async function agrees(text: string): Promise<boolean> {
  const simple = readSimple(text);
  if (simple === undefined) return false;
  const { source, diagnostics } = await loadText(text, 'a.yaml');
  expect(diagnostics, text).toEqual([]);
  expect(simple.value, text).toEqual(source!.value);
  const lines = createLines(text);
  for (const pointer of [...pointersOf(simple.value), '/nothing', '/a/nothing']) {
    const { node, key, complete } = simple.find(pointerParts(pointer));
    for (const part of ['key', 'value'] as const) {
      const at = (part === 'key' || !complete ? key : undefined) ?? node ?? key;
      const place: Place = lines.place(at!.range![0], at!.range![1]);
      expect({ pointer, part, ...place }, text).toEqual({ pointer, part, ...source!.locate(pointer, part) });
    }
  }
  return true;
}

const taken = {
  'a map': 'a: b\nc: d\n',
  'comments and empty lines': '# first\n\na: b # after\n  # indented\n\nc: 1\n#last',
  'no line end': 'a: b',
  'maps in maps':
    'connections:\n  shop:\n    connector: http\n    auth: none\n\n  lake:\n    connector: s3\nstate: x\n',
  'a map further in': '  a: b\n  c:\n      d: e\n',
  lists: 'a:\n  - b\n  - c d\ne:\n- f\n- g\nh: i\n',
  'lists of maps and lists of lists':
    'a:\n  - b: c\n    d: e\n  -  f: g\n     h:\n       - i\n       - j: k\n  -\n    l: m\n  -\n    - n\no: p\n',
  'a list as the document': '- a: b\n- c\n',
  quotes: 'a: "b: c # d"\ne: \'f "g" {h}\' # i\nj: ""\nk: \'\'\n',
  'flow collections':
    'a: { b: c, d: "e, f", g: [ 1, x y, [], {} ] }\nh: [a, b]\ni: {}\nj: []\nk: [ "a" , \'b\' ]  # l\n',
  'numbers and words':
    'a: 0\nb: 42\nc: 123456789012345\nd: true\ne: null\nf: False\ng: yes\nh: 10s\ni: 2026-01-31\nj: 1.2.3\nk: NULL\n',
  'text that looks like more': 'a: https://b.c/d?e=f#g&h\ni: ${env.J}\nk: l:m\nn: o#p\nq: -r\ns: a, b] c}\nt: (u)\n',
  'keys of many kinds': 'a_b: 1\na-b: 2\na.b: 3\na/b: 4\n_c: 5\nA1: 6\n',
  'letters of other alphabets': 'a: Grüße, 世界\n# ü\nb: "ñ"\n',
};

const left = {
  'an anchor': 'a: &b c\n',
  'an alias': 'a: *b\n',
  'a tag': 'a: !!str 1\n',
  'a block scalar': 'a: |\n  b\n',
  'a scalar of several lines': 'a: b\n  c\n',
  'quotes of several lines': 'a: "b\n  c"\n',
  'an escape': 'a: "\\n"\n',
  'a doubled quote': "a: 'it''s'\n",
  'an empty value': 'a:\nb: c\n',
  'a merge': '<<: { a: b }\n',
  'a key that is a number': '1: a\n',
  'a key that is a word': 'true: a\n',
  'a key twice': 'a: b\na: c\n',
  'a forbidden key': '__proto__: a\n',
  'a tab': 'a:\tb\n',
  'a line end of another system': 'a: b\r\n',
  'a second document': 'a: b\n---\nc: d\n',
  'the end of a document': 'a: b\n...\n',
  'a directive': '%YAML 1.2\n---\na: b\n',
  'wrong indentation': 'a:\n    b: c\n  d: e\n',
  'a map after a list': '- a\nb: c\n',
  'text alone': 'hello\n',
  'a colon in text': 'a: b: c\n',
  'text after quotes': 'a: "b" c\n',
  'a comment without a blank': 'a: "b"#c\n',
  'an empty file': '# nothing\n',
  'a number that is not kept': 'a: 12345678901234567\n',
  'a number with more to it': 'a: 1e3\n',
  'a comma too many': 'a: [b, ]\n',
  'a pair in a list': 'a: [b: c]\n',
  'a flow collection of several lines': 'a: { b: c,\n  d: e }\n',
  'a question mark': '? a\n: b\n',
};

describe('reads', () => {
  test.each(Object.entries(taken))('%s', async (_, text) => {
    expect(await agrees(text)).toBe(true);
  });
});

describe('leaves to the other parser', () => {
  test.each(Object.entries(left))('%s', (_, text) => {
    expect(readSimple(text)).toBeUndefined();
  });
});

test('a broken text is never taken for a whole one', async () => {
  const letters = fc.constantFrom(...' \n:-#"\'{}[],&*!|>%@`?~$\\ab1.\t'.split(''));
  const whole = fc.constantFrom(...Object.values(taken), ...Object.values(left));
  let agreed = 0;
  await fc.assert(
    fc.asyncProperty(
      whole,
      fc.array(fc.tuple(fc.nat(), fc.nat(2), fc.array(letters, { maxLength: 3 })), { minLength: 1, maxLength: 4 }),
      async (text, changes) => {
        let changed = text;
        for (const [at, cut, added] of changes) {
          const start = at % (changed.length + 1);
          changed = changed.slice(0, start) + added.join('') + changed.slice(start + cut);
        }
        if (await agrees(changed)) agreed += 1;
      },
    ),
    { numRuns: 3000 },
  );
  expect(agreed).toBeGreaterThan(200);
});

test('a large file goes the fast way, with the places and hidden lines of any other', async () => {
  let text = 'connections:\n';
  for (let i = 0; i < 2000; i++) text += `  shop-${i}:\n    connector: http\n    password: "hunter${i}"\n`;
  expect(readSimple(text)).toBeDefined();
  const { source } = await loadText(text, 'a.yaml');
  expect(source!.locate('/connections/shop-1999/password')).toEqual({ line: 6001, col: 15, endCol: 27 });
  expect(source!.within('/connections/shop-1999/password', 1, 3)).toEqual({ line: 6001, col: 17, endCol: 19 });
  source!.hide('/connections/shop-1999/connector');
  expect(source!.line(6000)).toBe('    connector: ••••');
  expect(source!.line(6001)).toBe('    password: ••••••••••••');
});
