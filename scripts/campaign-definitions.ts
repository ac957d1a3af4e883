// Random definitions, valid and broken: `check` and `plan` never crash, never hang, and always say where. `tsx scripts/campaign-definitions.ts [count] [seed]`
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { Failure } from '../engine/errors.ts';
import { createEngine } from '../index.ts';
import { documents, tasks } from '../schemas/generated/language.ts';

export interface DefinitionsOutcome {
  count: number;
  /** Without an error, and planned. */
  valid: number;
  broken: number;
  /** What was wrong with `check` or `plan`, with the definition. */
  problems: { reason: string; text: string }[];
  slowestMs: number;
}

const root = join(import.meta.dirname, '..');
const mostMs = 2000;

const examples = readdirSync(join(root, 'examples')).flatMap((name) => {
  const path = join(root, 'examples', name, 'pipe.yaml');
  try {
    return [readFileSync(path)];
  } catch {
    return [];
  }
});

const tokens = [
  '${',
  '}',
  '"',
  "'",
  ':',
  '- ',
  '\n',
  '\t',
  '  ',
  '#',
  '&a ',
  '*a',
  '!!int ',
  '|',
  '>',
  '[',
  ']',
  '{',
  ',',
];
const words = [
  'record.a',
  '-1',
  '1e999',
  'null',
  'true',
  '2026-01-31',
  '\u0000',
  '\ud800',
  '__proto__',
  '../../x',
  '/x/y',
];

/** The bytes of an example, changed in a few places. */
const mutated = fc
  .record({
    base: fc.constantFrom(...examples),
    changes: fc.array(
      fc.record({
        at: fc.double({ min: 0, max: 1, noNaN: true }),
        gone: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat(40)),
        put: fc.oneof(
          fc.constantFrom(...tokens, ...words).map((text) => Buffer.from(text)),
          fc.uint8Array({ maxLength: 4 }).map((bytes) => Buffer.from(bytes)),
          fc
            .constantFrom(...examples)
            .chain((other) =>
              fc.tuple(fc.nat(other.length), fc.nat(60)).map(([from, size]) => other.subarray(from, from + size)),
            ),
        ),
      }),
      { minLength: 0, maxLength: 4 },
    ),
  })
  .map(({ base, changes }) => {
    let bytes: Buffer = base;
    for (const { at, gone, put } of changes) {
      const from = Math.floor(at * bytes.length);
      bytes = Buffer.concat([bytes.subarray(0, from), put, bytes.subarray(from + gone)]);
    }
    return bytes.toString('utf8');
  });

const value: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(
      null,
      true,
      0,
      -1,
      1.5,
      '',
      'a.csv',
      '/x/y',
      '${record.a}',
      '${params.a',
      '${1 +}',
      '*.csv',
      'id',
      'csv',
      '1d',
    ),
    fc.string(),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('name', 'op', 'a', 'columns', '__proto__'), tie('value'), { maxKeys: 3 }),
  ),
})).value;

/** A task with keys that its op has, each with some value. */
const task = fc.constantFrom(...Object.keys(tasks)).chain((op) => {
  const keys = tasks[op]!.keys['']!.filter((key) => key !== 'op');
  return fc
    .dictionary(fc.constantFrom(...keys), value, { maxKeys: 5 })
    .map((fields): Record<string, unknown> => ({ op, ...fields }));
});

const made = fc
  .record({
    tasks: fc.array(task, { maxLength: 6 }),
    more: fc.dictionary(fc.constantFrom(...documents.pipe.keys['']!.filter((key) => key !== 'tasks')), value, {
      maxKeys: 3,
    }),
  })
  .map(({ tasks: list, more }) => JSON.stringify({ ...more, tasks: list }, undefined, 1));

export async function definitionsCampaign(count: number, seed?: number): Promise<DefinitionsOutcome> {
  const outcome: DefinitionsOutcome = { count, valid: 0, broken: 0, problems: [], slowestMs: 0 };
  const engine = createEngine({ folder: join(root, 'examples/quickstart'), state: 'none' });
  const texts = fc.sample(fc.oneof(mutated, made), { numRuns: count, ...(seed === undefined ? {} : { seed }) });
  try {
    for (const text of texts) {
      // Of the processor: others may be at work on the machine.
      const begun = process.cpuUsage();
      const problem = await tried(engine, text, outcome);
      const ms = process.cpuUsage(begun).user / 1000;
      outcome.slowestMs = Math.max(outcome.slowestMs, ms);
      const reason = problem ?? (ms > mostMs ? `it took ${ms.toFixed(0)} ms` : undefined);
      if (reason !== undefined) outcome.problems.push({ reason, text });
    }
  } finally {
    await engine.close();
  }
  return outcome;
}

async function tried(
  engine: ReturnType<typeof createEngine>,
  text: string,
  outcome: DefinitionsOutcome,
): Promise<string | undefined> {
  const source = { text, file: 'pipe.yaml' };
  try {
    const result = await engine.check(source);
    const errors = result.diagnostics.filter(({ severity }) => severity === 'error');
    const lines = text.split(/\r\n|[\n\r]/).length;
    const lost = result.diagnostics.find(
      ({ file, line, col, endCol }) =>
        file === 'pipe.yaml' && !(line >= 1 && line <= lines + 1 && col >= 1 && endCol >= col),
    );
    if (lost !== undefined) return `${lost.code} is at ${lost.line}:${lost.col}-${lost.endCol} of ${lines} lines`;
    if (errors.length > 0 && result.text() === '') return 'there are errors, and no text about them';
    if (errors.length > 0) outcome.broken++;
    else outcome.valid++;
    try {
      await engine.plan(source);
      return errors.length > 0 ? 'plan takes what check refuses' : undefined;
    } catch (error) {
      if (!(error instanceof Failure)) return `plan threw ${String(error)}`;
      if (error.code === 'BUG') return `plan: ${error.message}`;
      if (errors.length > 0 || error.code.startsWith('PARAM_') || error.fault === 'connection') return undefined;
      return `plan refuses what check takes: ${error.code} ${error.message}`;
    }
  } catch (error) {
    return `check threw ${(error as Error).stack ?? String(error)}`;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [count = '10000', seed] = process.argv.slice(2);
  const { valid, broken, problems, slowestMs } = await definitionsCampaign(
    Number(count),
    seed === undefined ? undefined : Number(seed),
  );
  console.log(
    `${valid} valid, ${broken} broken; the slowest took ${slowestMs.toFixed(0)} ms; ${problems.length} problems`,
  );
  const kinds = new Map<string, { count: number; text: string }>();
  for (const { reason, text } of problems) {
    const kind = reason.slice(0, 600);
    kinds.set(kind, { count: (kinds.get(kind)?.count ?? 0) + 1, text });
  }
  for (const [reason, { count, text }] of kinds) console.log(`\n${count} × ${reason}\n${text}`);
  if (problems.length > 0) process.exitCode = 1;
}
