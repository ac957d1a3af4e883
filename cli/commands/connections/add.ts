// `pipe connections add`: saves a connection, asked field by field or all by options.
import { Command, Option } from 'commander';
import { connectorFields } from '../../../schemas/generated/fields.ts';
import { connectors } from '../../../schemas/generated/language.ts';
import { fieldOptions, type GivenFields, type ReadFields, readFields } from '../../connection-input.ts';
import { statusLine } from '../../connection-text.ts';
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
    const connector = parsed.args[0] ?? (asks ? await askConnector() : undefined);
    if (connector === undefined) {
      process.stderr.write('Name a connector, as in `pipe connections add http`; `pipe connectors list` names them.\n');
      return 2;
    }
    const given = await readFields(connector, options);
    const alias = options.alias ?? (asks ? await askAlias(connector) : undefined);
    if (asks) await askFields(connector, given);
    const home = options.project ? 'project' : 'user';
    const added = await engine.connections.add(
      { connector, ...given, home, ...(alias === undefined ? {} : { alias }) },
      { signal },
    );
    const paint = painter(process.stderr);
    const secrets = added.keptIn === undefined ? '' : `; its secrets are in ${added.keptIn}`;
    process.stderr.write(`saved ${paint('bold', added.name)} (${added.eid}) in ${added.file}${secrets}\n`);
    const tried = options.verify ? await engine.connections.verify(added.name, { signal }) : added;
    if (options.format === 'json') process.stdout.write(`${jsonText(tried, 2)}\n`);
    else if (options.verify) process.stderr.write(`${statusLine(tried, paint)}\n`);
    return tried.status === 'failing' ? 3 : 0;
  }, tellingWhere);
}

async function askConnector(): Promise<string> {
  const { askChoice } = await import('../../prompts.ts');
  const usable = Object.entries(connectors).filter(([, { planned }]) => planned !== true);
  return askChoice(
    'Which kind of system?',
    usable.map(([value, { description }]) => ({ value, hint: description })),
  );
}

async function askAlias(connector: string): Promise<string | undefined> {
  const { askText } = await import('../../prompts.ts');
  const alias = await askText('A name to use it by, such as my-shop; empty for none', {
    placeholder: `my-${connector}`,
  });
  return alias === '' ? undefined : alias;
}

/** The fields that must be there and the way to authenticate; then those of the others that the user picks. */
async function askFields(connector: string, { fields, secrets }: ReadFields): Promise<void> {
  const { askField, askSeveral } = await import('../../prompts.ts');
  const open = (connectorFields[connector] ?? []).filter(
    ({ name }) => fields[name] === undefined && secrets[name] === undefined,
  );
  const first = open.filter(({ name, required }) => required || name === 'auth');
  const others = open.filter((field) => !first.includes(field));
  const put = async (field: (typeof open)[number]) => {
    const text = await askField(field);
    if (text === '') return;
    if (field.secret && !text.includes('${')) secrets[field.name] = text;
    else
      Object.assign(
        fields,
        (await readFields(connector, { set: [`${field.name}=${text}`], secretFromEnv: [], secretFromFile: [] })).fields,
      );
  };
  for (const field of first) await put(field);
  if (others.length === 0) return;
  const picked = await askSeveral(
    'Which others do you want to give? (space picks, enter goes on)',
    others.map(({ name, title, secret }) => ({ value: name, label: title, ...(secret ? { hint: 'secret' } : {}) })),
  );
  for (const field of others) if (picked.includes(field.name)) await put(field);
}
