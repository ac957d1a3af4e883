// `pipe connections add`: saves a connection, asked field by field or all by options.
import { Command, Option } from 'commander';
import type { Engine } from '../../../index.ts';
import { fieldOptions, type GivenFields, type ReadFields, readFields } from '../../connection-input.ts';
import { statusLine } from '../../connection-text.ts';
import { knownConnector } from '../../connector-fields.ts';
import { canAsk, tellingWhere, withEngine } from '../../engine.ts';
import { parse } from '../../parse.ts';
import { painter } from '../../print.ts';
import { jsonText } from '../../tables.ts';

interface Options extends GivenFields {
  alias?: string;
  project?: boolean;
  verify: boolean;
  input: boolean;
  format: 'text' | 'json';
}

export async function command(argv: string[]): Promise<number> {
  const program = fieldOptions(
    new Command('pipe connections add')
      .description(
        'Saves a connection. Asks for what is not given, where someone is there to answer. Tries it at the end.',
      )
      .argument('[connector]', 'the kind of system; `pipe connectors list` names them')
      .option('--alias <alias>', 'the name to use it by; without one it is known by its EID'),
  )
    .option('--project', "save it in the project's pipewright.yaml, not among your own")
    .option('--no-verify', 'do not try it')
    .option('--no-input', 'ask nothing')
    .addOption(new Option('--format <format>', 'how to print it').choices(['text', 'json']).default('text'))
    .addHelpText(
      'after',
      '\nExample: pass show shop | pipe connections add http --alias shop --set base_url=https://api.example.com --set auth=bearer --secret-from-stdin token',
    );
  const parsed = parse<Options>(program, argv);
  if (parsed.code !== undefined) return parsed.code;
  const { options } = parsed;
  const asks = options.input && canAsk();
  return withEngine(async (engine, signal) => {
    const connector = parsed.args[0] ?? (asks ? await askConnector(engine) : undefined);
    if (connector === undefined) {
      process.stderr.write('Name a connector, as in `pipe connections add http`; `pipe connectors list` names them.\n');
      return 2;
    }
    const known = await knownConnector(engine, connector);
    const given = await readFields(options, known.fields);
    const alias = options.alias ?? (asks ? await askAlias(connector) : undefined);
    if (asks) await (await import('../../connection-questions.ts')).askFields(known.fields, given);
    const home = options.project ? 'project' : 'user';
    const added = await engine.connections.add(
      { connector, ...given, home, ...(alias === undefined ? {} : { alias }) },
      { signal },
    );
    const paint = painter(process.stderr);
    const secrets = added.keptIn === undefined ? '' : `; its secrets are in ${added.keptIn}`;
    process.stderr.write(`saved ${paint('bold', added.name)} (${added.eid}) in ${added.file}${secrets}\n`);
    if (needsLogin(connector, known.auth, given)) {
      process.stderr.write(`now sign in with \`pipe connections login ${added.name}\`\n`);
      if (options.format === 'json') process.stdout.write(`${jsonText(added, 2)}\n`);
      return 0;
    }
    const meant = await engine.connections.get(added.name, { signal });
    if (meant.eid !== added.eid)
      process.stderr.write(`${paint('yellow', 'warning')} here ${added.name} means the one in ${meant.file}\n`);
    const tried = options.verify ? await engine.connections.verify(added.eid, { signal }) : added;
    if (options.format === 'json') process.stdout.write(`${jsonText(tried, 2)}\n`);
    else if (options.verify) process.stderr.write(`${statusLine(tried, paint)}\n`);
    return tried.status === 'failing' ? 3 : 0;
  }, tellingWhere);
}

/** Whether a person has to allow the access first. */
function needsLogin(connector: string, ways: readonly string[], { fields, secrets }: ReadFields): boolean {
  if ((fields.auth ?? (ways.length === 1 ? ways[0] : undefined)) !== 'oauth2') return false;
  const applicationItself = connector === 'http' && fields.authorize_url === undefined;
  return !applicationItself && secrets.access_token === undefined && secrets.refresh_token === undefined;
}

async function askConnector(engine: Engine): Promise<string> {
  const { askChoice } = await import('../../prompts.ts');
  const usable = (await engine.connectors()).filter(({ planned }) => !planned);
  return askChoice(
    'Which kind of system?',
    usable.map(({ name, description }) => ({ value: name, hint: description })),
  );
}

async function askAlias(connector: string): Promise<string | undefined> {
  const { askText } = await import('../../prompts.ts');
  const alias = await askText('A name to use it by, such as my-shop; empty for none', {
    placeholder: `my-${connector}`,
  });
  return alias === '' ? undefined : alias;
}
