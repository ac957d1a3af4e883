// Loading definitions: what is refused and how it is told, and the places of what is accepted.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadBytes, loadFile, loadText, loadValue } from '../../engine/load.ts';

const first = async (text: string) => {
  const { diagnostics, source } = await loadText(text, 'pipe.yaml', { list: 'tasks' });
  expect(source).toBeUndefined();
  return diagnostics.map((each) => `${each.line}:${each.col} ${each.code} ${each.message}`);
};

const bomb = (width: number) =>
  `a0: &a0 x\n${Array.from({ length: 10_000 }, (_, i) => `a${i + 1}: &a${i + 1} [${Array(width).fill(`*a${i}`).join(', ')}]`).join('\n')}`;

describe('refused', () => {
  test.each<[string, string, string[]]>([
    ['empty', '', ['1:1 FILE_EMPTY the file is empty']],
    ['only comments', '# nothing\n', ['1:1 FILE_EMPTY the file is empty']],
    ['only null', '~\n', ['1:1 FILE_EMPTY the file is empty']],
    [
      'duplicate key',
      'a: 1\nb:\n  c: 2\n  d: 3\n  c: 4\n',
      ['5:3 DUPLICATE_KEY the key "c" stands twice in this map, first in line 3'],
    ],
    [
      'duplicate key in JSON',
      '{"a": 1,\n "a": 2}',
      ['2:2 DUPLICATE_KEY the key "a" stands twice in this map, first in line 1'],
    ],
    [
      'two documents',
      'a: 1\n---\nb: 2\n',
      ['2:1 SEVERAL_DOCUMENTS a second document starts here; a file holds one definition'],
    ],
    [
      'two documents after an end mark',
      'a: 1\n...\n---\nb: 2\n',
      ['3:1 SEVERAL_DOCUMENTS a second document starts here; a file holds one definition'],
    ],
    ['tab', 'tasks:\n\t- op: x\n', ['2:1 TAB_INDENT a tab cannot indent YAML; use spaces']],
    ['tab after spaces', 'tasks:\n  - op: x\n  \trows: 1\n', ['3:3 TAB_INDENT a tab cannot indent YAML; use spaces']],
    [
      'alias without anchor',
      'a: *x\n',
      ['1:4 ALIAS_UNKNOWN the alias *x stands for nothing; put &x before a value above it'],
    ],
    ['alias in itself', 'a: &a [1, *a]\n', ['1:11 ALIAS_LIMIT the alias *a stands inside the value it stands for']],
    [
      '10,000 nested aliases, doubling',
      bomb(2),
      [
        '16:18 ALIAS_LIMIT aliases make this file more than 100000 values larger or 100 levels deep; write less of it with aliases',
      ],
    ],
    [
      '10,000 nested aliases, a chain',
      bomb(1),
      [
        '100:12 ALIAS_LIMIT aliases make this file more than 100000 values larger or 100 levels deep; write less of it with aliases',
      ],
    ],
    [
      'unknown tags',
      'a: !foo 1\nb: !!binary aGk=\n',
      [
        "1:4 TAG_UNKNOWN the tag !foo has no meaning here; only YAML's own core tags have, such as !!str",
        "2:4 TAG_UNKNOWN the tag !!binary has no meaning here; only YAML's own core tags have, such as !!str",
      ],
    ],
    [
      'keys that are not text',
      '1: x\ntrue: y\n? [a]\n: z\n~: 1\n',
      [
        '1:1 KEY_INVALID a key must be text, and 1 is a number; write "1"',
        '2:1 KEY_INVALID a key must be text, and true is a boolean; write "true"',
        '3:3 KEY_INVALID a key must be text, and this one is a list or a map',
        '5:1 KEY_INVALID a key must be text, and ~ is a null; write "~"',
      ],
    ],
    ['prototype key', 'a:\n  __proto__: { x: 1 }\n', ['2:3 KEY_INVALID the key "__proto__" is not allowed']],
    [
      'integer beyond 2^53',
      'a: 9007199254740993\n',
      ['1:4 NUMBER_UNSAFE 9007199254740993 has more digits than a number keeps; write it in quotes'],
    ],
    [
      'more digits than a double',
      'a: 0.1234567890123456789\n',
      ['1:4 NUMBER_UNSAFE 0.1234567890123456789 has more digits than a number keeps; write it in quotes'],
    ],
    [
      'infinity',
      'a: 1e999\nb: .inf\nc: .nan\n',
      [
        '1:4 NUMBER_UNSAFE 1e999 is not a number that a definition can hold',
        '2:4 NUMBER_UNSAFE .inf is not a number that a definition can hold',
        '3:4 NUMBER_UNSAFE .nan is not a number that a definition can hold',
      ],
    ],
    [
      'merge of a number',
      'a:\n  <<: 3\n',
      [
        '2:7 MERGE_INVALID << takes a map, an alias of one, or a list of them; write "<<" in quotes for a key of that name',
      ],
    ],
    ['open quote', 'a: "xx\nb: 1\n', ['1:4 SYNTAX this quote is not closed']],
    ['open list', 'tasks: [a, b\n', ['1:8 SYNTAX this [ is not closed by a ], or what is in it is not indented']],
    ['open map', 'a: { b: c\nd: e\n', ['1:4 SYNTAX this { is not closed by a }, or what is in it is not indented']],
    [
      'colon in a text',
      'where: record.x == "a" && record.y: 3\n',
      ['1:8 SYNTAX this text has ": " in it, which makes a key of what is before; put the whole of it in quotes'],
    ],
    [
      'reserved first characters',
      'where: @foo\nx: `y`\n',
      [
        '1:8 SYNTAX text cannot start with @; put it in quotes',
        '2:4 SYNTAX text cannot start with `; put it in quotes',
      ],
    ],
    ['no colon', 'name\ntasks: []\n', ['1:1 SYNTAX there is no ":" after this key']],
    [
      'deeper line',
      'a: 1\n  b: 2\n',
      [
        '1:4 SYNTAX the line below is indented deeper than this key allows; indent keys of one map alike, or put a long text in quotes',
      ],
    ],
    [
      'line between levels',
      'tasks:\n  - op: read\n   path: x\n',
      ['3:1 SYNTAX this line belongs to no list item and to no key; look at its indentation'],
    ],
    [
      'JSON without a comma',
      '{"a": 1 "b": 2}',
      ['1:7 SYNTAX a comma is missing before this, or what is in [ ] or { } is not closed'],
    ],
    [
      'bad escape',
      'a: "\\d"\n',
      ['1:5 SYNTAX \\d is no escape of a text in double quotes; write \\\\ for a backslash, or use single quotes'],
    ],
    ['deep flow', '['.repeat(100_000), ['1:1 NESTED_TOO_DEEP values are nested too deep to be read']],
    [
      'deep and closed',
      `${'['.repeat(150)}${']'.repeat(150)}`,
      ['1:102 NESTED_TOO_DEEP values are nested more than 100 levels deep'],
    ],
    [
      'too many values',
      `[${'1,'.repeat(300_000)}1]`,
      ['1:1 FILE_TOO_LARGE has more values than a definition can have; keep data in files of its own'],
    ],
  ])('%s', async (name, text, expected) => {
    const started = process.cpuUsage();
    const found = await first(text);
    if (name === 'deep flow') expect(found.map((line) => line.replace(/^1:\d+/, '1:1'))).toEqual(expected);
    else expect(found).toEqual(expected);
    expect(process.cpuUsage(started).user).toBeLessThan(5_000_000);
  });

  test('bytes that are not UTF-8, with their place', async () => {
    const { diagnostics } = await loadBytes(Buffer.from('a: 1\nb: caf\xe9\n', 'latin1'), 'pipe.yaml');
    expect(diagnostics).toMatchObject([{ code: 'FILE_ENCODING', line: 2, col: 7 }]);
  });

  test('UTF-16', async () => {
    const { diagnostics } = await loadBytes(Buffer.from('\ufeffa: 1\n', 'utf16le'), 'pipe.yaml');
    expect(diagnostics).toMatchObject([
      { code: 'FILE_ENCODING', message: 'is UTF-16; save it as UTF-8', line: 1, col: 1 },
    ]);
  });

  test('more than 5 MB', async () => {
    const { diagnostics } = await loadBytes(Buffer.alloc(5 * 1024 * 1024 + 1, 'a'), '-');
    expect(diagnostics).toMatchObject([{ code: 'FILE_TOO_LARGE', file: '<stdin>', line: 1, col: 1 }]);
  });
});

describe('accepted', () => {
  const value = async (text: string) => {
    const { diagnostics, source } = await loadText(text, 'pipe.yaml', { list: 'tasks' });
    expect(diagnostics).toEqual([]);
    return source!.value;
  };

  test.each<[string, string, unknown]>([
    ['a bare task list', '- op: read\n', { tasks: [{ op: 'read' }] }],
    ['a byte order mark', '\ufeffa: 1\n', { a: 1 }],
    ['CRLF', 'a: |\r\n  x\r\n  y\r\nb: 2\r\n', { a: 'x\ny\n', b: 2 }],
    [
      'JSON with tabs',
      '{\n\t"tasks": [\n\t\t{ "op":\t"limit",\n\t\t\t"rows": 1 }\n\t]\n}\n',
      { tasks: [{ op: 'limit', rows: 1 }] },
    ],
    ['JSON escapes', '{"a": "\\ud83d\\ude00\\/\\u00e9"}', { a: '😀/é' }],
    ['anchors', 'x: &x { a: [1] }\ny: *x\nz: *x\n', { x: { a: [1] }, y: { a: [1] }, z: { a: [1] } }],
    [
      'merge keys',
      'x: &x { a: 1, b: 2 }\ny:\n  <<: *x\n  b: 3\n  c: 4\n',
      { x: { a: 1, b: 2 }, y: { a: 1, b: 3, c: 4 } },
    ],
    [
      'merge of several, the first wins',
      'x: &x { a: 1 }\ny: &y { a: 2, b: 2 }\nz: { <<: [*x, *y] }\n',
      { x: { a: 1 }, y: { a: 2, b: 2 }, z: { a: 1, b: 2 } },
    ],
    ['a quoted << is a key', '"<<": 3\n', { '<<': 3 }],
    [
      'text that YAML 1.1 took for something else',
      'a: yes\nb: 2024-01-31\nc: 010\nd: 1:30\n',
      { a: 'yes', b: '2024-01-31', c: 10, d: '1:30' },
    ],
    ['core tags', 'a: !!str 5\n', { a: '5' }],
    ['an empty value', 'a:\nb: 1\n', { a: null, b: 1 }],
    ['names of Object.prototype', 'constructor: 1\ntoString: 2\n', { constructor: 1, toString: 2 }],
  ])('%s', async (_, text, expected) => {
    expect(await value(text)).toEqual(expected);
  });

  test('the value of an alias is a copy', async () => {
    const loaded = (await value('x: &x { a: [1] }\ny: *x\n')) as { x: { a: number[] }; y: { a: number[] } };
    loaded.x.a.push(2);
    expect(loaded.y.a).toEqual([1]);
  });

  test('a value from a program has places too', async () => {
    const { source } = await loadValue({ name: 'x', tasks: [{ op: 'limit', rows: 'ten' }] }, '<pipe>');
    expect(source!.line(source!.locate('/tasks/0/rows').line)).toBe('      "rows": "ten"');
  });
});

describe('files', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'load-'));
    await writeFile(join(folder, 'orders.yaml'), 'name: orders\n');
    await mkdir(join(folder, 'pipes'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  test('a file is read', async () => {
    expect((await loadFile(join(folder, 'orders.yaml'))).source!.value).toEqual({ name: 'orders' });
  });

  test('a missing file, with a near name', async () => {
    await expect(loadFile(join(folder, 'order.yaml'))).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
      message: `${join(folder, 'order.yaml')} does not exist; did you mean "${join(folder, 'orders.yaml')}"?`,
    });
  });

  test('a missing folder', async () => {
    await expect(loadFile(join(folder, 'no', 'x.yaml'))).rejects.toThrow(`; there is no folder ${join(folder, 'no')}`);
  });

  test('a folder', async () => {
    await expect(loadFile(join(folder, 'pipes'))).rejects.toMatchObject({
      code: 'FILE_IS_FOLDER',
      fault: 'definition',
    });
  });
});

test('no text makes loading throw, and every diagnostic lies inside the text', async () => {
  const bit = fc.constantFrom(
    'a',
    ': ',
    '- ',
    '\n',
    '  ',
    '\t',
    '[',
    ']',
    '{',
    '}',
    ',',
    '"',
    "'",
    '&x ',
    '*x',
    '!t ',
    '|',
    '>',
    '#',
    '?',
    '---',
    '<<',
    '1',
    '\\',
    '%',
    '\u0000',
    'é',
  );
  await fc.assert(
    fc.asyncProperty(fc.array(bit, { maxLength: 60 }), async (bits) => {
      const text = bits.join('');
      const { diagnostics, source } = await loadText(text, 'x', { list: 'tasks' });
      const lines = text.split('\n');
      for (const { line, col, endCol } of diagnostics) {
        expect(line).toBeLessThanOrEqual(lines.length);
        expect(col).toBeLessThanOrEqual(lines[line - 1]!.length + 1);
        expect(endCol).toBeGreaterThan(col);
      }
      expect(source === undefined).toBe(diagnostics.length > 0);
    }),
    { numRuns: 2_000 },
  );
});
