// `pipe new`: a pipe file from a template, with the user's connections and values in it.
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { ConnectionInfo } from '../../engine/connection-info.ts';
import { aliasProblem, isEid } from '../../engine/eid.ts';
import { failure, systemFailure } from '../../engine/errors.ts';
import { didYouMean, didYouMeanOrKnown } from '../../engine/suggest.ts';
import type { Engine } from '../../index.ts';
import { connectors } from '../../schemas/generated/language.ts';
import { canAsk, withEngine } from '../engine.ts';
import { collectParam, parse } from '../parse.ts';
import { colours, painter } from '../print.ts';
import { alignedTable, jsonText } from '../tables.ts';
import { type Choices, fillTemplate, paramOf, readTemplates, type Template } from '../templates.ts';

interface Options {
  list?: boolean;
  connection: Record<string, string>;
  set: Record<string, string>;
  force?: boolean;
  input: boolean;
  format: 'text' | 'json';
}

export async function command(argv: string[]): Promise<number> {
  const program = new Command('pipe new')
    .description(
      'Makes a pipe file from a template, and checks it. Asks for what is not given, where someone is there to answer. Without a template, lists them.',
    )
    .argument('[template]', 'the name of a template')
    .argument('[file]', 'the file to make; named as the template unless told')
    .option('--list', 'list the templates')
    .option(
      '--connection <name=alias>',
      'the connection to put in a place of the template, saved or yet to be; several times',
      collectConnection,
      {},
    )
    .option('--set <param=value>', 'the default of a parameter of the pipe; several times', collectParam, {})
    .option('--force', 'write over a file that is there')
    .option('--no-input', 'ask nothing')
    .addOption(new Option('--format <format>', 'how to print it').choices(['text', 'json']).default('text'))
    .addHelpText(
      'after',
      '\nExample: pipe new s3-to-dropbox backup.yaml --connection source=my-s3 --connection target=my-dropbox --set bucket_path=exports',
    );
  const parsed = parse<Options>(program, argv);
  if (parsed.code !== undefined) return parsed.code;
  const { options, args } = parsed;
  const templates = await readTemplates();
  const [name, file = `${name}.yaml`] = args;
  if (options.list === true || name === undefined) {
    process.stdout.write(options.format === 'json' ? `${jsonText(templates.map(shown), 2)}\n` : listText(templates));
    return 0;
  }
  const template = templates.find((each) => each.name === name);
  if (template === undefined) {
    const names = templates.map((each) => each.name);
    return refused(`there is no template "${name}"${didYouMean(name, names)}`, '`pipe new --list` names them.');
  }
  return withEngine((engine) => make(engine, template, file, options), { folder: dirname(resolve(file)) });
}

async function make(engine: Engine, template: Template, file: string, options: Options): Promise<number> {
  const problem = connectionProblem(template, options);
  if (problem !== undefined) return refused(problem, 'See `pipe new --help`.');
  const given = givenChoices(template, options);
  if (options.force !== true && (await isThere(file)))
    return refused(`${file} is already there`, 'Name another file, or say --force to write over it.');
  const saved = await savedConnections(engine);
  let choices = given;
  if (options.input && canAsk())
    choices = await (await import('../template-questions.ts')).askChoices(template, given, saved);
  const open = Object.entries(template.connections).filter(([name]) => choices.aliases[name] === undefined);
  if (open.length > 0) {
    const lines = open.map(
      ([name, { title, connectors: fitting }]) => `  --connection ${name}=…  ${title} (${fitting.join(', ')})`,
    );
    return refused(`${template.name} needs to know its connections`, lines.join('\n'));
  }
  await write(file, fillTemplate(template, choices), options.force === true);
  const result = await engine.check(file);
  const { diagnostics } = result;
  if (options.format === 'json')
    process.stdout.write(`${jsonText({ template: template.name, file, diagnostics }, 2)}\n`);
  else process.stderr.write(result.text({ colour: colours(process.stderr) }));
  const paint = painter(process.stderr);
  const next = nextCommands(template, file, choices, saved).map((line) => `  ${line}\n`);
  process.stderr.write(`made ${paint('bold', file)}; go on with\n${next.join('')}`);
  return diagnostics.some(({ severity }) => severity === 'error') ? 2 : 0;
}

/** Why a connection cannot be put where the options say. */
function connectionProblem(template: Template, { connection }: Options): string | undefined {
  for (const [name, alias] of Object.entries(connection)) {
    if (!Object.hasOwn(template.connections, name)) {
      const hint = didYouMeanOrKnown(name, Object.keys(template.connections), 'it has');
      return `${template.name} has no connection "${name}"${hint}`;
    }
    // An EID, or a connector that has a default connection, is a name for a connection too.
    const problem = isEid(alias) || Object.hasOwn(connectors, alias) ? undefined : aliasProblem(alias);
    if (problem !== undefined) return `the name "${alias}" ${problem}`;
  }
  return undefined;
}

/** What the options say. Throws for params that the template does not have, and values that do not fit. */
function givenChoices(template: Template, { connection, set }: Options): Choices {
  const params: Choices['params'] = Object.fromEntries(
    Object.entries(set).map(([name, text]) => {
      if (!Object.hasOwn(template.params, name)) {
        const hint = didYouMeanOrKnown(name, Object.keys(template.params), `${template.name} has`);
        throw failure('PARAM_UNKNOWN', { name, hint });
      }
      const read = paramOf(template.params[name]!, text);
      if ('reason' in read) throw failure('PARAM_INVALID', { name, reason: read.reason });
      return [name, read.value];
    }),
  );
  return { aliases: connection, params, own: {} };
}

/** All of them, a hundred at a time. */
async function savedConnections(engine: Engine): Promise<ConnectionInfo[]> {
  const found: ConnectionInfo[] = [];
  for (;;) {
    const { connections, total } = await engine.connections.list({ limit: 100, offset: found.length });
    found.push(...connections);
    if (connections.length === 0 || found.length >= total) return found;
  }
}

async function write(file: string, text: string, over: boolean): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text, { flag: over ? 'w' : 'wx' });
  } catch (error) {
    throw systemFailure(error as NodeJS.ErrnoException, file) ?? error;
  }
}

function isThere(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}

/** The connections that are yet to be made, then a run that changes nothing. */
function nextCommands(
  { connections, params }: Template,
  file: string,
  { aliases, own, params: given }: Choices,
  saved: readonly ConnectionInfo[],
): string[] {
  const isKnown = (alias: string) =>
    Object.hasOwn(own, alias) ||
    saved.some((each) => each.name === alias || each.eid === alias || (each.default && each.connector === alias));
  const adds = Object.entries(connections).flatMap(
    ([
      name,
      {
        connectors: [connector],
      },
    ]) => {
      const alias = aliases[name]!;
      return isKnown(alias) ? [] : [`pipe connections add ${connector} --alias ${alias}`];
    },
  );
  const open = Object.entries(params).filter(
    ([name, param]) => param.default === undefined && param.required !== false && !Object.hasOwn(given, name),
  );
  const shownFile = /^[\w./-]+$/.test(file) ? file : `'${file.replaceAll("'", "'\\''")}'`;
  return [...new Set(adds), `pipe run ${shownFile}${open.map(([name]) => ` -p ${name}=…`).join('')} --dry-run`];
}

function listText(templates: readonly Template[]): string {
  const paint = painter(process.stdout);
  return `${alignedTable(templates.map(({ name, description }) => [paint('bold', name), description])).join('\n')}\n`;
}

function shown({ name, title, description, connections, params }: Template) {
  return { name, title, description, connections, params };
}

function refused(what: string, advice: string): number {
  process.stderr.write(`pipe new: ${what}\n${advice}\n`);
  return 2;
}

function collectConnection(text: string, before: Record<string, string>): Record<string, string> {
  if (!/^[^=]+=./.test(text)) throw new InvalidArgumentError('Write it as name=alias.');
  return collectParam(text, before);
}
