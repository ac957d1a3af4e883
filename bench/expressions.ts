// How fast compiled expressions are, beside cel-js's own evaluator and beside the same written in JavaScript.
import { parse } from '@marcbachmann/cel-js';
import { compile, type ExpressionScope, parseExpression } from '../engine/expressions.ts';

export interface ExpressionFigure {
  expression: string;
  /** Million evaluations a second. */
  compiled: number;
  /** Undefined where cel-js cannot evaluate it. */
  celJs: number | undefined;
  javascript: number;
}

type SampleRow = Record<'a' | 'p' | 'd' | 'status', string> & { n: number };

const rows: SampleRow[] = Array.from({ length: 1000 }, (_, i) => ({
  a: (i * 0.05).toFixed(2),
  p: (901 + i * 97.13).toFixed(2),
  d: `0.0${i % 10}`,
  status: i % 3 === 0 ? 'completed' : 'failed',
  n: i / 7,
}));

const samples: [expression: string, javascript: (row: SampleRow) => unknown][] = [
  ['double(record.a) > 25.0', (row) => Number(row.a) > 25],
  ['double(record.p) * (1 - double(record.d))', (row) => Number(row.p) * (1 - Number(row.d))],
  ['record.status == "completed"', (row) => row.status === 'completed'],
  [
    'record.n > 25 && record.status in ["completed", "done"]',
    (row) => row.n > 25 && ['completed', 'done'].includes(row.status),
  ],
  ['record.status.startsWith("comp") ? record.n * 2 : 0.5', (row) => (row.status.startsWith('comp') ? row.n * 2 : 0.5)],
  ['record.status.matches("^comp.*d$")', (row) => /^comp.*d$/.test(row.status)],
];

/** About `seconds` for each figure. */
export function benchExpressions(seconds = 0.5): ExpressionFigure[] {
  // Every expression is compiled and used before one is timed, as in a run with many.
  const evaluators = samples.map(([expression, javascript]) => {
    const evaluate = compile(parseExpression(expression), { where: 'bench', names: ['record'] });
    const other = parse(expression);
    const ours: ExpressionScope = {};
    const theirs: { record?: SampleRow } = {};
    return {
      expression,
      compiled: (row: SampleRow) => {
        ours.record = row;
        return evaluate(ours);
      },
      celJs: (row: SampleRow) => {
        theirs.record = row;
        return other(theirs);
      },
      javascript,
    };
  });
  for (const each of evaluators) measure(each.compiled, 0.05);
  return evaluators.map(({ expression, compiled, celJs, javascript }) => ({
    expression,
    compiled: measure(compiled, seconds),
    celJs: works(celJs) ? measure(celJs, seconds) : undefined,
    javascript: measure(javascript, seconds),
  }));
}

/** The figures as lines of text. */
export function showExpressions(figures: readonly ExpressionFigure[]): string {
  const shown = (figure: number | undefined) => (figure === undefined ? '-' : figure.toFixed(1)).padStart(10);
  const lines = figures.map(
    (each) => `${each.expression.padEnd(60)}${shown(each.compiled)}${shown(each.celJs)}${shown(each.javascript)}`,
  );
  return [
    `${'million evaluations a second'.padEnd(60)}${'compiled'.padStart(10)}${'cel-js'.padStart(10)}${'JavaScript'.padStart(10)}`,
    ...lines,
  ].join('\n');
}

function works(evaluate: (row: SampleRow) => unknown): boolean {
  try {
    evaluate(rows[0]!);
    return true;
  } catch {
    return false;
  }
}

// By the processor's time and not the clock's, so that other work on the machine does not count.
function measure(evaluate: (row: SampleRow) => unknown, seconds: number): number {
  let [count, used] = [0, 0];
  const start = process.cpuUsage();
  let microseconds = 0;
  for (; microseconds < seconds * 1e6; microseconds = process.cpuUsage(start).user) {
    for (let i = 0; i < 10; i++) for (const row of rows) if (evaluate(row) === true) used++;
    count += 10 * rows.length;
  }
  return used < 0 ? 0 : count / microseconds;
}
