// `pipe plan`: what a run would do, step by step.
import { Command, Option } from 'commander';
import type { PlanDescription } from '../../engine/plan-description.ts';
import { readDefinition } from '../definition.ts';
import { openEngine } from '../engine.ts';
import { collectParam, parse } from '../parse.ts';
import { formatTable, painter, printFailure } from '../print.ts';

interface Options {
  param: Record<string, string>;
  format: 'text' | 'json';
}

export async function command(argv: string[]): Promise<number> {
  const program = new Command('pipe plan')
    .description(
      'Shows what a run would do: its steps, the connections it uses, and how the data gets from one to the next.',
    )
    .argument('<file>', 'the pipe file, or - for a definition on stdin')
    .option(
      '-p, --param <name=value>',
      'a value for a declared parameter; may be given several times',
      collectParam,
      {},
    )
    .addOption(new Option('--format <format>', 'how to print it').choices(['text', 'json']).default('text'))
    .addHelpText('after', '\nExample: pipe plan orders.yaml -p since=2026-01-31');
  const parsed = parse<Options>(program, argv);
  if (parsed.code !== undefined) return parsed.code;

  const engine = await openEngine();
  try {
    const plan = await engine.plan(await readDefinition(parsed.args[0]!), { texts: parsed.options.param });
    process.stdout.write(parsed.options.format === 'json' ? `${JSON.stringify(plan, undefined, 2)}\n` : describe(plan));
    return 0;
  } catch (error) {
    return printFailure(error);
  } finally {
    await engine.close();
  }
}

function describe(plan: PlanDescription): string {
  const paint = painter(process.stdout);
  const stages = new Set(plan.steps.map(({ stage }) => stage)).size;
  const lines = [
    `${paint('bold', plan.name)}: ${plan.steps.length} tasks in ${stages} ${stages === 1 ? 'stage' : 'stages'}`,
  ];
  const params = Object.entries(plan.params);
  if (params.length > 0)
    lines.push('', 'params', ...formatTable(params.map(([name, value]) => [`  ${name}`, JSON.stringify(value)])));
  lines.push('', 'steps');
  const rows = plan.steps.map((step) => [
    `  ${'  '.repeat(step.depth ?? 0)}${step.number}`,
    step.op,
    step.paths
      .map(({ path }) => (step.connection === undefined ? path : `/${step.connection}/${path.replace(/^\//, '')}`))
      .join(' → ') ||
      (step.expressions[0] ?? ''),
    step.way ?? '',
    step.mode ?? '',
  ]);
  formatTable(rows).forEach((line, i) => {
    lines.push(line);
    const { title, expressions, paths, columns, keeps } = plan.steps[i]!;
    if (title !== undefined) lines.push(paint('dim', `       ${title}`));
    for (const expression of paths.length > 0 ? expressions : expressions.slice(1))
      lines.push(paint('dim', `       ${expression}`));
    if (columns.length > 0) lines.push(paint('dim', `       reads ${columns.join(', ')}`));
    if (keeps !== undefined) lines.push(paint('dim', `       ${keptText(keeps)}`));
  });
  if (plan.connections.length > 0) {
    lines.push('', 'connections');
    const rows = plan.connections.map(({ name, connector, home, shadows, secrets }) => [
      `  ${name}`,
      connector,
      `from the ${home}`,
      secretsText(secrets),
      shadows.length === 0 ? '' : `hides the one of the ${shadows.join(' and the ')}`,
    ]);
    lines.push(...formatTable(rows));
  }
  if (plan.resumes !== undefined) lines.push('', plan.resumes.text);
  return `${lines.join('\n')}\n`;
}

function keptText({
  kind,
  name,
  columns,
  at,
  pending,
}: NonNullable<PlanDescription['steps'][number]['keeps']>): string {
  if (kind === 'checkpoint') return `commits as it goes; a run that broke is gone on with by the checkpoint ${name}`;
  if (pending !== undefined) return `delivers again what run ${pending} had read, which did not end`;
  const from = at === undefined ? 'all of it, as no run has ended yet' : `what is new since ${JSON.stringify(at)}`;
  return `by ${columns?.join(', ')}: ${from}`;
}

/** Which secrets have a value and where: `token in the keychain`. */
function secretsText(secrets: PlanDescription['connections'][number]['secrets']): string {
  const configured = secrets.filter((secret) => secret.configured);
  if (configured.length > 0) return configured.map(({ field, where }) => `${field} in ${where}`).join(', ');
  const wanted = secrets.find(({ where }) => where !== '');
  return wanted === undefined ? '' : `no credential yet; looked in ${wanted.where}`;
}
