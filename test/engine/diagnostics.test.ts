// Diagnostics: their order, their text with caret, JSON and SARIF; and near names.
import { describe, expect, test } from 'vitest';
import {
  countDiagnostics,
  type Diagnostic,
  formatDiagnostics,
  formatSarif,
  sortDiagnostics,
} from '../../engine/diagnostics.ts';
import { excerpt } from '../../engine/excerpt.ts';
import { didYouMean, didYouMeanOrKnown, either, nearest } from '../../engine/suggest.ts';

const base: Diagnostic = {
  code: 'UNKNOWN_KEY',
  severity: 'error',
  message: 'no key',
  file: 'pipe.yaml',
  line: 2,
  col: 5,
  endCol: 8,
};
const at = (line: number, col: number, more: Partial<Diagnostic> = {}): Diagnostic => ({
  ...base,
  line,
  col,
  endCol: col + 3,
  ...more,
});

test('sorted by place, files in the order given, each mistake once', () => {
  const sorted = sortDiagnostics([
    at(1, 1, { file: 'z' }),
    at(9, 1, { file: 'a' }),
    at(2, 7, { file: 'a' }),
    at(2, 7, { file: 'a' }),
    at(2, 3, { file: 'a' }),
  ]);
  expect(sorted.map(({ file, line, col }) => `${file}:${line}:${col}`)).toEqual(['z:1:1', 'a:2:3', 'a:2:7', 'a:9:1']);
});

test.each<[number, number, string]>([
  [0, 0, 'no errors'],
  [1, 0, '1 error'],
  [2, 1, '2 errors and 1 warning'],
  [0, 2, '2 warnings'],
])('%i errors, %i warnings', (errors, warnings, expected) => {
  const all = [...Array(errors).fill(at(1, 1)), ...Array(warnings).fill(at(1, 1, { severity: 'warning' }))];
  expect(countDiagnostics(all)).toBe(expected);
});

describe('text', () => {
  const text = (line: string | undefined, diagnostic: Diagnostic, colour = false) =>
    formatDiagnostics([diagnostic], { line: () => line, colour });

  test('message, source line, caret, help', () => {
    expect(
      text(
        '    row: 5',
        at(5, 5, { message: 'task 2 (limit) has no key "row"; did you mean "rows"?', help: 'see the docs' }),
      ),
    ).toBe(
      [
        'pipe.yaml:5:5 UNKNOWN_KEY task 2 (limit) has no key "row"; did you mean "rows"?',
        '  5 |     row: 5',
        '    |     ^^^',
        '  = see the docs',
        '',
      ].join('\n'),
    );
  });

  test('a warning says so', () => {
    expect(text(undefined, at(12, 5, { severity: 'warning' }))).toBe('pipe.yaml:12:5 UNKNOWN_KEY warning: no key\n');
  });

  test('colour only when asked', () => {
    expect(text('x', at(1, 1))).not.toContain('\u001b');
    expect(text('x', at(1, 1), true)).toContain('\u001b[31m');
  });

  test('nothing in a file or a message steers the terminal', () => {
    const shown = text('a\u001b[31mred\u009b\u202e', at(1, 1, { message: 'key "\u001b[2J\n"', file: 'x\u0007.yaml' }));
    expect(shown).toBe('x␇.yaml:1:1 UNKNOWN_KEY key "␛[2J␊"\n  1 | a␛[31mred\ufffd\ufffd\n    | ^^^\n');
  });

  test.each<[string, string, number, number, string, string]>([
    ['tabs', '\t"rows":\t"x"', 10, 13, '    "rows":    "x"', '               ^^^'],
    ['wide characters', 'a: "漢字", b', 10, 11, 'a: "漢字", b', '           ^'],
    ['emoji', 'é😀 x', 5, 6, 'é😀 x', '    ^'],
    ['combining marks', 'e\u0301 x', 4, 5, 'e\u0301 x', '  ^'],
    ['past the end', 'abc', 10, 12, 'abc', '   ^'],
    ['empty line', '', 1, 2, '', '^'],
  ])('%s', (_, line, col, endCol, shown, caret) => {
    const found = excerpt(line, col, endCol);
    expect(found.shown).toBe(shown);
    expect(' '.repeat(found.before) + '^'.repeat(found.marked)).toBe(caret);
  });

  test.each([0, 50, 150, 297])('a long line is cut around column %i', (before) => {
    const line = `${'a'.repeat(before)}XYZ${'b'.repeat(300 - before)}`;
    const found = excerpt(line, before + 1, before + 4);
    expect(found.shown.length).toBeLessThanOrEqual(102);
    expect(found.shown.slice(found.before, found.before + found.marked)).toBe('XYZ');
  });

  test('of a very long line only the part around the mark is read', () => {
    const found = excerpt(`${'a'.repeat(5_000_000)}XYZ${'b'.repeat(100)}`, 5_000_001, 5_000_004);
    expect(found.shown.slice(found.before, found.before + found.marked)).toBe('XYZ');
    expect(found.shown).toMatch(/^…a+XYZb+…$/);
  });

  test('a mark that is longer than the room ends with it', () => {
    const found = excerpt('x'.repeat(5_000), 1, 5_001);
    expect(found.marked).toBeLessThanOrEqual(100);
  });
});

test('SARIF has one run with the rules that occur', () => {
  const found = [
    at(2, 5, { file: 'a b/ü.yaml' }),
    at(3, 1, { code: 'NO_INPUT', severity: 'warning', help: 'do' }),
    base,
  ];
  const log = JSON.parse(JSON.stringify(formatSarif(found, '1.2.3')));
  expect(log).toMatchObject({
    version: '2.1.0',
    runs: [{ columnKind: 'utf16CodeUnits', tool: { driver: { name: 'Pipewright', version: '1.2.3' } } }],
  });
  const [run] = log.runs;
  expect(run.tool.driver.rules.map(({ id }: { id: string }) => id)).toEqual(['NO_INPUT', 'UNKNOWN_KEY']);
  expect(run.results[0]).toEqual({
    ruleId: 'UNKNOWN_KEY',
    ruleIndex: 1,
    level: 'error',
    message: { text: 'no key' },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: 'a%20b/%C3%BC.yaml' },
          region: { startLine: 2, startColumn: 5, endColumn: 8 },
        },
      },
    ],
  });
  expect(run.results[1]).toMatchObject({ level: 'warning', message: { text: 'no key\ndo' } });
});

describe('near names', () => {
  test.each<[string, string[], string[]]>([
    ['row', ['rows', 'where', 'op'], ['rows']],
    ['raed', ['read', 'write', 'run'], ['read']],
    ['colums', ['columns', 'column'], ['column', 'columns']],
    ['Delimiter', ['delimiter'], ['delimiter']],
    ['base-url', ['base_url'], ['base_url']],
    ['xyz', ['rows', 'where'], []],
    ['o', ['op', 'if'], ['op']],
    ['my-dropbx', ['my-dropbox', 'my-s3'], ['my-dropbox']],
    ['a'.repeat(1_000_000), ['a'], []],
  ])('%.20s', (name, known, expected) => {
    expect(nearest(name, known)).toEqual(expected);
  });

  test('as the end of a sentence', () => {
    expect(didYouMean('row', ['rows'])).toBe('; did you mean "rows"?');
    expect(didYouMean('colums', ['columns', 'column'])).toBe('; did you mean "column" or "columns"?');
    expect(didYouMean('xyz', ['rows'])).toBe('');
    expect(didYouMeanOrKnown('xyz', ['rows', 'from'], 'keys')).toBe('; keys: rows, from');
    expect(didYouMeanOrKnown('xyz', [], 'keys')).toBe('');
    expect(either(['a', 'b', 'c'])).toBe('a, b or c');
  });
});
