// `pipe connections edit`: changes fields and secrets of a saved connection.
import { Command, Option } from 'commander';
import type { ConnectorField } from '../../../schemas/generated/fields.ts';
import { fieldOptions, type GivenFields, readFields, unsetOption } from '../../connection-input.ts';
import { statusLine } from '../../connection-text.ts';
import { knownConnector } from '../../connector-fields.ts';
import { canAsk, tellingWhere, withEngine } from '../../engine.ts';
import { parse } from '../../parse.ts';
import { painter } from '../../print.ts';
import { jsonText } from '../../tables.ts';

interface Options extends GivenFields {
  unset: string[];
  verify: boolean;
  format: 'text' | 'json';
}

export async function command(argv: string[]): Promise<number> {
  const program = unsetOption(
    fieldOptions(
      new Command('pipe connections edit')
        .description('Changes a saved connection; asks what to change where nothing is said. Tries it at the end.')
        .argument('<name>', 'alias or EID'),
    ),
  )
    .option('--no-verify', 'do not try it')
    .addOption(new Option('--format <format>', 'how to print it').choices(['text', 'json']).default('text'))
    .addHelpText(
      'after',
      '\nExample: pipe connections edit shop --set host=db2.example.com --secret-from-env password=NEW_PASSWORD',
    );
  const parsed = parse<Options>(program, argv);
  if (parsed.code !== undefined) return parsed.code;
  const [name] = parsed.args as [string];
  const { options } = parsed;
  return withEngine(async (engine, signal) => {
    const before = await engine.connections.get(name, { signal });
    const known = await knownConnector(engine, before.connector);
    const { fields, secrets } = await readFields(options, known.fields);
    const nothing = options.unset.length + Object.keys(fields).length + Object.keys(secrets).length === 0;
    if (nothing && !canAsk()) {
      process.stderr.write(
        'Say what to change, as in --set host=db.example.com; see `pipe connections edit --help`.\n',
      );
      return 2;
    }
    if (nothing) await askChanges(known.fields, fields, secrets);
    const set = withinMaps(before.config, fields);
    const changed = await engine.connections.edit(name, { set, secrets, unset: options.unset }, { signal });
    const paint = painter(process.stderr);
    if (changed.keptIn !== undefined) process.stderr.write(`its secrets are in ${changed.keptIn}\n`);
    const tried =
      options.verify && changed.status !== 'disabled' ? await engine.connections.verify(name, { signal }) : changed;
    if (options.format === 'json') process.stdout.write(`${jsonText(tried, 2)}\n`);
    else process.stderr.write(`${statusLine(tried, paint)}\n`);
    return tried.status === 'failing' ? 3 : 0;
  }, tellingWhere);
}

/** A map is given key by key: those that are not said stay, unless they were hidden. */
function withinMaps(before: Record<string, unknown>, fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => {
      const kept = before[name];
      const both = isMap(value) && isMap(kept) && !JSON.stringify(kept).includes('"[secret]"');
      return [name, both ? { ...kept, ...value } : value];
    }),
  );
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

async function askChanges(
  known: readonly ConnectorField[],
  fields: Record<string, unknown>,
  secrets: Record<string, string>,
): Promise<void> {
  const { askField, askSeveral } = await import('../../prompts.ts');
  const picked = await askSeveral(
    'What do you want to change? (space picks, enter goes on)',
    known.map(({ name, title, secret }) => ({ value: name, label: title, ...(secret ? { hint: 'secret' } : {}) })),
  );
  for (const field of known.filter(({ name }) => picked.includes(name))) {
    const text = await askField(field);
    if (text === '') continue;
    if (field.secret && !text.includes('${')) secrets[field.name] = text;
    else
      Object.assign(
        fields,
        (await readFields({ set: [`${field.name}=${text}`], secretFromEnv: [], secretFromFile: [] }, known)).fields,
      );
  }
}
