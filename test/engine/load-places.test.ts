// The places of a loaded definition's values, keys, and parts of texts.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Document, Scalar } from 'yaml';
import { loadText } from '../../engine/load.ts';
import { pointerTo } from '../../engine/pointer.ts';

describe('places', () => {
  const text = [
    'name: x',
    'base: &base',
    '  rows: 5',
    'tasks:',
    '  - op: limit',
    '    <<: *base',
    '  - { op: set, values: { "a b": 1 } }',
    '  - *base',
    'password: "hunter2"',
    '',
  ].join('\n');

  test.each<[string, 'key' | 'value', string, string]>([
    ['/name', 'value', '1:7', 'x'],
    ['/name', 'key', '1:1', 'name'],
    ['/tasks/0', 'value', '5:5', 'op: limit'],
    ['/tasks/0/op', 'value', '5:9', 'limit'],
    ['/tasks/0/rows', 'value', '3:9', '5'],
    ['/tasks/0/rows', 'key', '3:3', 'rows'],
    ['/tasks/1/values/a b', 'key', '7:26', '"a b"'],
    ['/tasks/2/rows', 'value', '3:9', '5'],
    ['/tasks/1/nothing/here', 'value', '7:5', '{ op: set, values: { "a b": 1 } }'],
    ['/tasks/1/values/nothing', 'key', '7:16', 'values'],
    ['', 'value', '1:1', 'name: x'],
  ])('%s %s', async (pointer, part, place, covered) => {
    const { source } = await loadText(text, 'pipe.yaml');
    const found = source!.locate(pointer, part);
    expect(`${found.line}:${found.col}`).toBe(place);
    expect(source!.line(found.line)!.slice(found.col - 1, found.endCol - 1)).toBe(covered);
  });

  test('of a bare task list', async () => {
    const { source } = await loadText('# tasks\n- op: read\n- op: limit\n', 'x', { list: 'tasks' });
    expect(source!.locate('/tasks/1/op', 'key')).toEqual({ line: 3, col: 3, endCol: 5 });
    expect(source!.locate('/tasks')).toMatchObject({ line: 2, col: 1 });
  });

  test('hidden values do not show, nor what looks like a secret', async () => {
    const { source } = await loadText('a: topsecret value\npassword: "hunter2"\nwhere: record.token == 1\n', 'x');
    source!.hide('/a');
    expect(source!.line(1)).toBe(`a: ${'•'.repeat(15)}`);
    expect(source!.line(2)).toBe('password: •••••••••');
    expect(source!.line(3)).toBe('where: record.token == 1');
    expect(source!.line(9)).toBeUndefined();
  });

  const styles = ['PLAIN', 'QUOTE_SINGLE', 'QUOTE_DOUBLE', 'BLOCK_LITERAL', 'BLOCK_FOLDED'] as const;
  test.each(styles)('every character of a %s text is found in the file', async (type) => {
    const word = fc.string({
      unit: fc.constantFrom('a', 'b', '"', "'", '\\', 'é', '😀', '\t', '{', ' ', '\n', '.'),
      maxLength: 60,
    });
    await fc.assert(
      fc.asyncProperty(word, fc.boolean(), fc.integer({ min: 20, max: 60 }), async (value, crlf, lineWidth) => {
        const scalar = new Scalar(value);
        scalar.type = type;
        const written = new Document({ deep: [{ first: 1, text: scalar }] }).toString({ lineWidth });
        const { source } = await loadText(crlf ? written.replaceAll('\n', '\r\n') : written, 'x');
        const read = (source!.value as { deep: { text: string }[] }).deep[0]!.text;
        const seen: number[] = [];
        for (let at = 0; at < read.length; at++) {
          const { line, col } = source!.within('/deep/0/text', at);
          const inFile = source!.line(line)!.charAt(col - 1);
          // Folded blanks, line ends and escapes look different in the file.
          if (!/[\s\\"]/.test(read[at]!) && inFile !== '\\') expect(inFile).toBe(read[at]);
          seen.push(line * 10_000 + col);
        }
        expect(seen).toEqual([...seen].sort((a, b) => a - b));
      }),
      { numRuns: 400 },
    );
  });

  test.each<[string, string, number, string]>([
    ['plain', 'w: record.x > 1\n', 7, '1:11'],
    ['double with escapes', 'w: "a\\tb\\u0041\\"c"\n', 5, '1:17'],
    ['single with doubled quotes', "w: 'it''s x'\n", 5, '1:11'],
    ['continued double', 'w: "ab \\\n   cd"\n', 3, '2:4'],
    ['literal block', 'w: |\n  first\n    second\n  third\n', 8, '3:5'],
    ['literal block, third line', 'w: |\n  first\n    second\n  third\n', 15, '4:3'],
    ['folded block', 'w: >-\n  record.a\n  && record.b\n', 12, '3:6'],
    ['block with explicit indentation', 'w: |1\n    x\n', 3, '2:5'],
    ['past the end', 'w: abc\n', 99, '1:7'],
  ])('inside a text: %s', async (_, yaml, offset, place) => {
    const { source } = await loadText(yaml, 'x');
    const found = source!.within('/w', offset);
    expect(`${found.line}:${found.col}`).toBe(place);
  });
});

test('pointers escape what pointers must', () => {
  expect(pointerTo('/tasks', 0, 'a/b~c')).toBe('/tasks/0/a~1b~0c');
});
