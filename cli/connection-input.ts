// What is said of a connection on the command line: fields by --set, secrets from stdin, variables and files, never as arguments.
import { readFile } from 'node:fs/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { failure, systemFailure } from '../engine/errors.ts';
import { didYouMean } from '../engine/suggest.ts';
import type { ConnectorField } from '../schemas/generated/fields.ts';

export interface GivenFields {
  set: string[];
  unset?: string[];
  secretFromStdin?: string;
  secretFromEnv: string[];
  secretFromFile: string[];
}

const collect = (text: string, before: string[]) => [...before, text];
const pair = (text: string, before: string[]) => {
  if (text.indexOf('=') < 1) throw new InvalidArgumentError('Write it as field=value.');
  return [...before, text];
};

/** The options that `add` and `edit` share. */
export function fieldOptions(program: Command): Command {
  return program
    .option(
      '--set <field=value>',
      'a field of the connector, or title, description, default; several times; lists and maps as JSON',
      pair,
      [],
    )
    .option('--secret-from-stdin <field>', 'read this secret field from stdin')
    .option(
      '--secret-from-env <field=NAME>',
      'take a secret field from an environment variable; several times',
      pair,
      [],
    )
    .option('--secret-from-file <field=path>', 'take a secret field from a file; several times', pair, []);
}

export function unsetOption(program: Command): Command {
  return program.option('--unset <field>', 'take a field out, a secret one too; several times', collect, []);
}

export interface ReadFields {
  fields: Record<string, unknown>;
  secrets: Record<string, string>;
}

/** Reads the options by the types of the connector's fields. Throws for a secret that is an argument. */
export async function readFields(given: GivenFields, known: readonly ConnectorField[]): Promise<ReadFields> {
  const fields: Record<string, unknown> = {};
  const secrets: Record<string, string> = {};
  for (const [name, text] of given.set.map(split)) {
    const field = known.find((each) => each.name === name);
    // Arguments are seen by everyone on the machine, and stay in the shell's history.
    if (field?.secret && !text.includes('${')) {
      throw failure('SECRET_AS_ARGUMENT', { field: name });
    }
    put(fields, name, text, field, known);
  }
  if (given.secretFromStdin !== undefined) secrets[given.secretFromStdin] = await readStdin(given.secretFromStdin);
  for (const [field, variable] of given.secretFromEnv.map(split)) {
    const value = process.env[variable];
    if (value === undefined || value === '')
      throw failure('CONNECTION_INVALID', {
        reason: `the environment variable ${variable} is not set${didYouMean(variable, Object.keys(process.env))}`,
      });
    secrets[field] = value;
  }
  for (const [field, path] of given.secretFromFile.map(split)) {
    try {
      secrets[field] = withoutLineEnd(await readFile(path, 'utf8'));
    } catch (error) {
      throw systemFailure(error as NodeJS.ErrnoException, path) ?? error;
    }
  }
  return { fields, secrets };
}

function split(text: string): [name: string, value: string] {
  const at = text.indexOf('=');
  return [text.slice(0, at), text.slice(at + 1)];
}

/** `headers.accept=…` sets one key of a map. */
function put(
  fields: Record<string, unknown>,
  name: string,
  text: string,
  field: ConnectorField | undefined,
  known: readonly ConnectorField[],
): void {
  const dot = name.indexOf('.');
  const map = dot < 0 ? undefined : known.find((each) => each.name === name.slice(0, dot) && each.type === 'map');
  if (map !== undefined) {
    const before = fields[map.name];
    fields[map.name] = { ...(typeof before === 'object' ? before : {}), [name.slice(dot + 1)]: text };
  } else fields[name] = typedValue(name, text, field);
}

/** A text as the value that the field takes; where it is none, the schema will say so. */
function typedValue(name: string, text: string, field: ConnectorField | undefined): unknown {
  const type = field?.type ?? (name === 'default' || name === 'disabled' ? 'true or false' : 'text');
  if (text.includes('${')) return text;
  const types = type.split(' or ');
  if (types.includes('true') && types.includes('false') && /^(true|false)$/.test(text)) return text === 'true';
  if (types.some((each) => each.endsWith('number')) && text.trim() !== '' && Number.isFinite(Number(text)))
    return Number(text);
  const isList = types.some((each) => each.startsWith('list'));
  if ((isList && text.startsWith('[')) || (types.includes('map') && text.startsWith('{'))) {
    try {
      return JSON.parse(text);
    } catch (error) {
      throw failure('CONNECTION_INVALID', { reason: `${name} is no JSON: ${(error as Error).message}` });
    }
  }
  return isList ? text.split(',').map((each) => each.trim()) : text;
}

async function readStdin(field: string): Promise<string> {
  if (process.stdin.isTTY) {
    const { askSecret } = await import('./prompts.ts');
    return askSecret(field);
  }
  const text = withoutLineEnd((await readAll(field)).toString('utf8'));
  if (text === '') throw failure('INPUT_EMPTY', { path: 'stdin', hint: `pipe the ${field} into it` });
  return text;
}

/** All of stdin. `what` is wanted in it, for the message where there is none. */
export async function readAll(what: string): Promise<Buffer> {
  if (process.stdin.isTTY) throw failure('STDIN_CLOSED');
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  const bytes = Buffer.concat(chunks);
  if (bytes.length === 0) throw failure('INPUT_EMPTY', { path: 'stdin', hint: `pipe the ${what} into it` });
  return bytes;
}

/** `echo` and editors end a text with one. */
function withoutLineEnd(text: string): string {
  return text.replace(/\r?\n$/, '');
}
