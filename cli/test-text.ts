// What `pipe test` prints for people: a line for each test, and what differs in those that failed.
import type { TestReport, TestResult } from '../index.ts';
import { formatTable, painter } from './print.ts';

type Paint = ReturnType<typeof painter>;
type Problem = TestResult['problems'][number];
type RowProblem = Extract<Problem, { kind: 'rows' }>;

const longestCell = 40;
/** Columns that are the same on both sides and only tell which row it is. */
const mostSame = 2;
const mostColumns = 6;

export function testText(reports: readonly (TestReport & { file: string })[], stream: NodeJS.WriteStream): string {
  const paint = painter(stream);
  const several = reports.length > 1;
  return reports
    .map(({ file, tests }) => {
      const lines = tests.flatMap((test) => testLines(test, paint));
      return [...(several ? [paint('bold', file)] : []), ...lines].map((line) => `${line}\n`).join('');
    })
    .join('');
}

export function summaryLine(tests: readonly TestResult[], seconds: string): string {
  const failed = tests.filter(({ status }) => status === 'failed').length;
  const count = `${tests.length} ${tests.length === 1 ? 'test' : 'tests'}`;
  return failed === 0 ? `${count} passed in ${seconds}` : `${failed} of ${count} failed in ${seconds}`;
}

function testLines({ name, place, status, problems, notes }: TestResult, paint: Paint): string[] {
  if (status === 'passed')
    return [`${paint('green', 'ok')}      ${name}`, ...notes.map((note) => paint('dim', `        note: ${note}`))];
  return [
    `${paint('red', 'failed')}  ${name}  ${paint('dim', place)}`,
    ...problems.flatMap((problem) => problemLines(problem, paint)).map((line) => `        ${line}`),
    ...notes.map((note) => paint('dim', `        note: ${note}`)),
  ];
}

function problemLines(problem: Problem, paint: Paint): string[] {
  switch (problem.kind) {
    case 'error':
      return [problem.message];
    case 'output':
      return [`${problem.output}: ${problem.message}`];
    case 'text':
      return [
        `${problem.output}: the text differs`,
        ...problem.differences.flatMap(({ line, expected, written }) => [
          ...(expected === undefined ? [] : [paint('green', `  line ${line} expected  ${shortened(expected, 100)}`)]),
          ...(written === undefined ? [] : [paint('red', `  line ${line} written   ${shortened(written, 100)}`)]),
        ]),
        ...moreLines(problem.more),
      ];
    case 'rows':
      return rowLines(problem, paint);
  }
}

/** A table of the rows that differ: the columns that do, after the first ones that tell which row it is. */
function rowLines({ output, expected, written, differences, more }: RowProblem, paint: Paint): string[] {
  const counts = expected === written ? '' : `, ${written} written where ${expected} were expected`;
  const all = differences.length + more;
  const head = `${output}: ${all} ${all === 1 ? 'row differs' : 'rows differ'}${counts}`;
  const changed = new Set(differences.flatMap(({ columns }) => columns));
  const every = [...new Set(differences.flatMap((each) => Object.keys(each.expected ?? each.written ?? {})))];
  const same = every.filter((name) => !changed.has(name)).slice(0, changed.size === 0 ? mostColumns : mostSame);
  const shown = every.concat([...changed].filter((name) => !every.includes(name)));
  const columns = shown.filter((name) => changed.has(name) || same.includes(name)).slice(0, mostColumns);
  const table: string[][] = [['', 'row', ...columns]];
  const colours: ('green' | 'red' | undefined)[] = [undefined];
  for (const { row, expected: wanted, written: got } of differences) {
    for (const [side, cells] of [['expected', wanted] as const, ['written', got] as const]) {
      if (cells === undefined) continue;
      table.push([side, String(row), ...columns.map((name) => cell(cells[name]))]);
      colours.push(side === 'expected' ? 'green' : 'red');
    }
  }
  const lines = formatTable(table).map((line, i) => (colours[i] === undefined ? line : paint(colours[i], line)));
  const hidden = changed.size + same.length - columns.length;
  return [
    head,
    ...lines.map((line) => `  ${line}`),
    ...(hidden > 0 ? [`  and ${hidden} more ${hidden === 1 ? 'column' : 'columns'}`] : []),
    ...moreLines(more),
  ];
}

function moreLines(more: number): string[] {
  return more === 0 ? [] : [`  and ${more} more`];
}

/** Text in quotes where it could be taken for something else. */
function cell(value: unknown): string {
  if (value === undefined) return '(none)';
  if (typeof value !== 'string') return shortened(JSON.stringify(value), longestCell);
  const plain = value !== '' && value.trim() === value && !/^(-?[\d.]+|true|false|null|\(none\))$|[\n\r\t]/.test(value);
  return shortened(plain ? value : JSON.stringify(value), longestCell);
}

function shortened(text: string, longest: number): string {
  return text.length > longest ? `${text.slice(0, longest - 1)}…` : text;
}
