// TypeScript types of a project: the params of its pipes, and the rows of the tables, resources and files that they read.
import { readFile } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';
import type { Param } from '../schemas/generated/types.ts';
import { describePath } from './connection-look.ts';
import { pipeFiles } from './connection-uses.ts';
import type { Column, ColumnType } from './contracts/data.ts';
import { asFailure, type Failure } from './errors.ts';
import { loadText } from './load.ts';
import { hasPattern, splitPath } from './paths.ts';
import type { Surroundings } from './surroundings.ts';
import { everyTask, isMap, taskListOf } from './validate/tasks.ts';

export interface ProjectTypesOptions {
  signal?: AbortSignal;
  /** Only what needs no network: the params, and the rows of local files. */
  offline?: boolean;
}

export interface ProjectTypes {
  /** The text of a `.d.ts` file. */
  text: string;
  /** What could not be described, by path. */
  failures: { path: string; failure: Failure }[];
}

interface FoundPipe {
  /** From the folder of the project. */
  file: string;
  params: Record<string, Param>;
  reads: string[];
}

/** Describes the pipes of the project around the current folder, or of that folder where there is no project. */
export async function projectTypes(
  surroundings: Surroundings,
  { offline = false, ...o }: ProjectTypesOptions,
): Promise<ProjectTypes> {
  const { project } = await surroundings.around(surroundings.folder);
  const root = project?.folder ?? surroundings.folder;
  const pipes: FoundPipe[] = [];
  for await (const file of pipeFiles(root)) {
    const pipe = await readPipe(file, root);
    if (pipe !== undefined) pipes.push(pipe);
  }
  pipes.sort((a, b) => (a.file < b.file ? -1 : 1));
  const rows = new Map<string, Column[]>();
  const failures: ProjectTypes['failures'] = [];
  for (const { file, reads } of pipes) {
    for (const path of reads) {
      if (rows.has(path) || failures.some((each) => each.path === path)) continue;
      const kind = splitPath(path).kind;
      if (kind === 'stdio' || (offline && kind !== 'local')) continue;
      const near = { ...surroundings, folder: dirname(resolve(root, file)) };
      try {
        const { columns } = await describePath(near, path, o);
        if (columns !== undefined) rows.set(path, columns);
      } catch (error) {
        if (o.signal?.aborted) throw error;
        failures.push({ path, failure: asFailure(error, path) });
      }
    }
  }
  return { text: declarations(pipes, rows), failures };
}

async function readPipe(file: string, root: string): Promise<FoundPipe | undefined> {
  const text = await readFile(file, 'utf8').catch(() => '');
  if (!/\bop\b/.test(text)) return undefined;
  const { source } = await loadText(text, file, { list: 'tasks' });
  if (!isMap(source?.value) || !Array.isArray(source.value.tasks)) return undefined;
  const { params } = source.value;
  const reads = [...everyTask(taskListOf(source.value.tasks, '/tasks'))].flatMap(
    ({ op, task: { path, connection } }) => {
      if (op !== 'read' || typeof path !== 'string' || path.includes('${')) return [];
      const whole = typeof connection === 'string' ? `/${connection}/${path.replace(/^\/+/, '')}` : path;
      return isOnePath(whole) ? [whole] : [];
    },
  );
  const declared = isMap(params) ? Object.entries(params).filter(([, param]) => isMap(param)) : [];
  return {
    file: relative(root, file).replaceAll('\\', '/'),
    params: Object.fromEntries(declared) as Record<string, Param>,
    reads,
  };
}

function isOnePath(path: string): boolean {
  try {
    const split = splitPath(path);
    return split.kind === 'url' || split.kind === 'stdio' || !hasPattern(split.path);
  } catch {
    return false;
  }
}

function declarations(pipes: readonly FoundPipe[], rows: ReadonlyMap<string, readonly Column[]>): string {
  const params = pipes.map(({ file, params }) => {
    const fields = Object.entries(params).map(([name, param]) => {
      const optional = param.default !== undefined || param.required === false ? '?' : '';
      return `${comment(param.description ?? param.title)}      ${key(name)}${optional}: ${paramType(param)};\n`;
    });
    return `    ${key(file)}: ${fields.length === 0 ? 'Record<string, never>' : `{\n${fields.join('')}    }`};\n`;
  });
  const tables = [...rows].map(([path, columns]) => {
    const fields = columns.map(
      ({ name, type, nullable, length }) =>
        `      ${key(name)}: ${valueType(type, length)}${nullable === false ? '' : ' | null'};\n`,
    );
    return `    ${key(path)}: {\n${fields.join('')}    };\n`;
  });
  return `// The types of this project's pipes and of the rows they read. Written by \`pipe types\`; do not edit.
import type { Value } from 'pipewright';

declare module 'pipewright' {
  /** The params of each pipe file. */
  interface PipeParams {
${params.join('')}  }
  /** The rows of each path. */
  interface PathRows {
${tables.join('')}  }
}
`;
}

function comment(text: string | undefined): string {
  return text === undefined ? '' : `      /** ${text.replaceAll('*/', '*\\/').replace(/\s+/g, ' ').trim()} */\n`;
}

function key(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name);
}

function paramType({ type = 'string', enum: allowed, items }: Param): string {
  if (allowed !== undefined) return allowed.map((value) => JSON.stringify(value)).join(' | ');
  const plain: Record<string, string> = {
    string: 'string',
    integer: 'number',
    number: 'number',
    boolean: 'boolean',
    object: 'Record<string, Value>',
  };
  return type === 'array'
    ? `${items === undefined ? 'Value' : (plain[String(items)] ?? 'Value')}[]`
    : (plain[type] ?? 'Value');
}

function valueType(type: ColumnType, bytes: number | undefined): string {
  switch (type) {
    case 'boolean':
      return 'boolean';
    case 'integer':
      return bytes !== undefined && bytes <= 4 ? 'number' : 'number | bigint';
    case 'double':
      return 'number';
    case 'binary':
      return 'Uint8Array';
    case 'json':
      return 'Value';
    case 'array':
      return 'Value[]';
    default:
      // Decimals and times are text, with all their digits.
      return 'string';
  }
}
