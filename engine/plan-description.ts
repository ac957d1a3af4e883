// A plan for people and programs: every task with what it takes, where its data goes, and in which shape.
import { tasks as ops, type PathUse } from '../schemas/generated/language.ts';
import type { FoundConnection } from './connections.ts';
import { loaderOf } from './connector-parts.ts';
import type { Value } from './contracts/data.ts';
import type { FormatChoice } from './contracts/task.ts';
import type { SecretState } from './credential-lookup.ts';
import { keptName } from './delivery/chain.ts';
import { type ParsedExpression, parseExpression, parseTemplate, referencedColumns } from './expressions.ts';
import { formatName } from './formats.ts';
import type { Parts } from './parts.ts';
import { splitPath } from './paths.ts';
import type { Plan, PlannedTask } from './plan.ts';

export interface PlannedStep {
  /** From 1, as people count; in a block or a list of another task `3.then.1`. */
  number: number | string;
  /** In how many tasks it stands. */
  depth?: number;
  op: string;
  id: string;
  title?: string;
  /** Tasks of one stage run at the same time. */
  stage: number;
  /** Ids of the tasks whose output it takes. */
  from: string[];
  /** Its paths by what they are for, as written. */
  paths: { use: PathUse; path: string }[];
  connection?: string;
  /** What the engine does with the data on its way in: `bytes`, `rows`, `decode csv`, `encode ndjson`, `csv to ndjson`. */
  way?: string;
  mode?: string;
  /** What is kept between runs: a write's checkpoint in its target, the position of an incremental read. */
  keeps?: { kind: 'checkpoint' | 'position'; name: string; columns?: string[]; at?: Value; pending?: string };
  expressions: string[];
  /** The columns that its expressions read; `*` where an expression uses the whole record. */
  columns: string[];
}

export interface PlannedConnection {
  name: string;
  connector: string;
  /** `pipe`, `project` or `user`. */
  home: string;
  /** Homes that have one of the same name, which this one hides. */
  shadows: string[];
  /** Its secret fields that have a value, and where: never the value. Where none has, what was looked at. */
  secrets: SecretState[];
}

export interface PlanDescription {
  name: string;
  params: Record<string, Value>;
  steps: PlannedStep[];
  connections: PlannedConnection[];
  /** Where the newest run of the pipe, which did not end well, would go on. */
  resumes?: { run: string; text: string };
}

type Kind = 'rows' | 'files' | 'nothing';

export async function describePlan(
  plan: Plan,
  parts: Parts,
  secretsOf: (found: FoundConnection) => Promise<SecretState[]>,
): Promise<PlanDescription> {
  const connections = new Map<string, PlannedConnection>();
  const steps: PlannedStep[] = [];
  const describe = async (tasks: readonly PlannedTask[], above: number): Promise<void> => {
    const kinds = new Map<number, Kind>();
    const formats = new Map<number, string | undefined>();
    const depths = new Map<number, number>();
    for (const task of tasks) {
      const depth = task.inside === undefined ? above : depths.get(task.inside.block)! + 1;
      depths.set(task.index, depth);
      const paths = pathsOf(task);
      const used = connectionsOf(task, paths);
      for (const name of used) {
        const found = plan.connections.find(name);
        if (found !== undefined && !connections.has(name))
          connections.set(name, {
            name,
            connector: found.definition.connector,
            home: found.home,
            shadows: found.shadows,
            secrets: await secretsOf(found),
          });
      }
      const input = task.inputs.length === 0 ? 'nothing' : (kinds.get(task.inputs[0]!) ?? 'rows');
      const target = formatOf(task, paths, parts);
      const stores = await storesOf(used[0], plan, parts);
      const { way, kind, format } = hop(task, { input, from: formats.get(task.inputs[0] ?? -1), target, stores });
      kinds.set(task.index, kind);
      formats.set(task.index, format);
      const { title, mode, connection } = task.definition as { title?: string; mode?: string; connection?: string };
      steps.push({
        number: /^\d+$/.test(task.number) ? Number(task.number) : task.number,
        ...(depth === 0 ? {} : { depth }),
        op: task.op,
        id: task.id,
        ...(title === undefined ? {} : { title }),
        stage: task.stage,
        from: task.inputs.flatMap((at) => tasks.find(({ index }) => index === at)?.id ?? []),
        paths,
        ...(connection === undefined ? {} : { connection }),
        ...(way === undefined ? {} : { way }),
        ...(isWrite(paths) ? { mode: mode ?? (stores === 'rows' ? 'append' : 'replace') } : {}),
        ...keptBy(task, plan),
        expressions: expressionsOf(task),
        columns: columnsOf(task),
      });
      for (const list of Object.values(task.lists)) await describe(list.tasks, depth + 1);
    }
  };
  await describe(plan.tasks, 0);
  return { name: plan.name, params: plan.params, steps, connections: [...connections.values()] };
}

function keptBy(task: PlannedTask, plan: Plan): Pick<PlannedStep, 'keeps'> {
  const { commit, cursor } = task.definition as {
    commit?: string;
    cursor?: string | string[] | { columns: string | string[]; name?: string };
  };
  const own = keptName(task, plan.tasks);
  if (commit === 'batch') return { keeps: { kind: 'checkpoint', name: `${plan.name}/${own}` } };
  if (cursor === undefined) return {};
  const given = typeof cursor === 'string' || Array.isArray(cursor) ? { columns: cursor } : cursor;
  return { keeps: { kind: 'position', name: given.name ?? own, columns: [given.columns].flat() } };
}

function isWrite(paths: PlannedStep['paths']): boolean {
  return paths.some(({ use }) => use === 'write');
}

interface Hop {
  input: Kind;
  /** The format of the files that come in, where it is known. */
  from: string | undefined;
  /** The format that the task's own path or `format` says. */
  target: string | undefined;
  stores: 'files' | 'rows' | 'nothing';
}

function hop(
  task: PlannedTask,
  { input, from, target, stores }: Hop,
): { way?: string; kind: Kind; format?: string | undefined } {
  const isSource = task.inputs.length === 0;
  if (isSource) {
    const kind =
      task.yields === 'either'
        ? stores === 'rows'
          ? 'rows'
          : 'files'
        : task.yields === 'same'
          ? 'nothing'
          : task.yields;
    return { kind, format: target };
  }
  const onlyRows = !task.accepts.includes('files');
  if (onlyRows && input === 'files') return { way: `decode ${from ?? 'by content'}`, kind: 'rows' };
  if (task.yields === 'same') {
    if (stores === 'rows')
      return { way: input === 'files' ? `decode ${from ?? 'by content'}` : 'rows', kind: input, format: from };
    if (input === 'rows') return { way: target === undefined ? 'rows' : `encode ${target}`, kind: 'rows' };
    const same = target === undefined || from === target;
    return { way: same ? 'bytes' : `${from ?? 'by content'} to ${target}`, kind: 'files', format: from };
  }
  const kind = task.yields === 'either' ? input : (task.yields as Kind);
  return { kind, format: kind === 'files' ? (target ?? from) : undefined };
}

function pathsOf({ op, definition }: PlannedTask): PlannedStep['paths'] {
  return Object.entries(ops[op]!.fields).flatMap(([pointer, { path: use }]) => {
    const value = definition[pointer.slice(1)];
    return use === undefined ? [] : [value].flat().flatMap((path) => (typeof path === 'string' ? [{ use, path }] : []));
  });
}

function connectionsOf({ definition }: PlannedTask, paths: PlannedStep['paths']): string[] {
  if (definition.connection !== undefined) return [definition.connection];
  return paths.flatMap(({ path }) => {
    try {
      const split = splitPath(path);
      return split.kind === 'connection' ? [split.name] : [];
    } catch {
      // A path that is only known once its expressions have been evaluated.
      return [];
    }
  });
}

function formatOf({ definition }: PlannedTask, paths: PlannedStep['paths'], { formats }: Parts): string | undefined {
  const choice = (definition.format ?? definition.to) as FormatChoice | undefined;
  const path = paths.find(({ use }) => use === 'read' || use === 'write')?.path ?? '';
  try {
    return formatName(
      { path: path.replaceAll(/\$\{[^}]*\}/g, 'x') },
      typeof choice === 'string' && choice.includes('/') ? undefined : choice,
      formats,
    );
  } catch {
    return undefined;
  }
}

async function storesOf(name: string | undefined, plan: Plan, parts: Parts): Promise<'files' | 'rows' | 'nothing'> {
  const found = name === undefined ? undefined : plan.connections.find(name);
  return (found && (await loaderOf(found, parts)?.()))?.stores ?? 'files';
}

/** The columns that the expressions of a task read, in the order in which they are first read. */
function columnsOf({ op, definition }: PlannedTask): string[] {
  const { fields } = ops[op]!;
  const read = new Set<string>();
  const see = (parsed: ParsedExpression) => {
    const columns = referencedColumns(parsed);
    for (const column of columns === 'all' ? ['*'] : columns) read.add(column);
  };
  const walk = (value: unknown): void => {
    if (typeof value === 'string') {
      for (const part of parseTemplate(value).parts) if (typeof part !== 'string') see(part);
    } else if (typeof value === 'object' && value !== null) Object.values(value).forEach(walk);
  };
  for (const [key, value] of Object.entries(definition)) {
    const info = fields[`/${key}`];
    if (info?.expression === true && info.scope?.includes('record') === true) see(parseExpression(String(value)));
    else if (info?.scope?.includes('record') === true) walk(value);
  }
  return [...read];
}

/** The bare expressions and templates of a task, as written. */
function expressionsOf({ op, definition }: PlannedTask): string[] {
  const { fields } = ops[op]!;
  return Object.entries(definition).flatMap(([key, value]) => {
    if (fields[`/${key}`]?.expression === true) return [`${key}: ${String(value)}`];
    if (fields[`/${key}`]?.scope?.includes('record') !== true || typeof value !== 'object' || value === null) return [];
    return Object.entries(value).map(
      ([name, each]) => `${name} = ${typeof each === 'string' ? each : JSON.stringify(each)}`,
    );
  });
}
