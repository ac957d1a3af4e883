// `pipe check` on the definitions in definitions/: every mistake, in its exact words, and nothing else.
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { formatDiagnostics } from '../../engine/diagnostics.ts';
import { checksInFolder } from './checked.ts';

const { checkText } = checksInFolder();
const definitions = new URL('definitions/', import.meta.url);

/** A file holds cases: `=== name`, the definition, `---`, a line for each diagnostic. */
function casesOf(file: string): [name: string, text: string, expected: string[]][] {
  const cases = readFileSync(new URL(file, definitions), 'utf8').split(/^=== /m).slice(1);
  return cases.map((each) => {
    const [head, expected] = each.split('\n---\n');
    const end = head!.indexOf('\n');
    return [head!.slice(0, end), `${head!.slice(end + 1)}\n`, expected!.split('\n').filter((line) => line !== '')];
  });
}

describe.each(readdirSync(definitions))('%s', (file) => {
  test.each(casesOf(file))('%s', async (_, text, expected) => {
    const { diagnostics, definition } = await checkText(text);
    const lines = diagnostics.map(({ line, col, code, severity, message }) => {
      return `${line}:${col} ${code} ${severity === 'warning' ? 'warning: ' : ''}${message}`;
    });
    expect(lines).toEqual(expected);
    expect(definition === undefined).toBe(diagnostics.some(({ severity }) => severity === 'error'));
  });
});

test('everything is told at once, with line and caret', async () => {
  const { diagnostics, line } = await checkText(
    [
      'params:',
      '  since: { type: date }',
      'tasks:',
      '  - op: read',
      '    path: orders.csv',
      '  - op: limit',
      '    row: 5',
      '  - op: filter',
      '    where: recrd.total > params.min',
      '  - op: write',
      '    path: /shp/out.csv',
      '    mode: apend',
    ].join('\n'),
  );
  expect(formatDiagnostics(diagnostics, { line: (_, number) => line(number) })).toBe(`\
pipe.yaml:2:18 NOT_ALLOWED param "since": type cannot be "date"; it takes "string", "integer", "number", "boolean", "array" or "object"
  2 |   since: { type: date }
    |                  ^^^^
pipe.yaml:7:5 UNKNOWN_KEY task 2 (limit) has no key "row"; did you mean "rows"?
  7 |     row: 5
    |     ^^^
pipe.yaml:9:12 UNKNOWN_NAME task 3 (filter): where: there is no name "recrd"; did you mean "record"?
  9 |     where: recrd.total > params.min
    |            ^^^^^
pipe.yaml:9:33 UNKNOWN_PARAM task 3 (filter): where: there is no param "min"; the pipe has: since
  9 |     where: recrd.total > params.min
    |                                 ^^^
pipe.yaml:11:12 UNKNOWN_CONNECTION task 4 (write): there is no connection "shp"; did you mean "shop"?
  11 |     path: /shp/out.csv
     |            ^^^
pipe.yaml:12:11 NOT_ALLOWED task 4 (write): mode cannot be "apend"; did you mean "append"?
  12 |     mode: apend
     |           ^^^^^
`);
});

test('no secret of a file is shown', async () => {
  const { diagnostics, line } = await checkText(
    [
      'connections:',
      '  api: { connector: http, password: hunter2, tokn: hunter3, hed: 1 }',
      '  other: { connector: nope, api_key: hunter4 }',
      '  key:',
      '    connector: sftp',
      '    private_key: |',
      '      hunter5',
      '    password: "hunter6"',
      'tasks: [{ op: exit }]',
    ].join('\n'),
  );
  expect(diagnostics.map(({ code }) => code)).toContain('SECRET_LITERAL');
  const shown = formatDiagnostics(diagnostics, { line: (_, number) => line(number) });
  expect(shown).toContain('password: •••••••');
  expect(shown).not.toMatch(/hunter[2456]/);
});
