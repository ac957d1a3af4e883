// `pipe connectors`: the kinds of system there are, and the fields of each, from their schemas.
import { Command, Option } from 'commander';
import type { ConnectorInfo } from '../../engine/connector-info.ts';
import { didYouMean } from '../../engine/suggest.ts';
import { type ConnectorField, connectorFields } from '../../schemas/generated/fields.ts';
import { withEngine } from '../engine.ts';
import { parse } from '../parse.ts';
import { painter } from '../print.ts';
import { alignedTable, jsonText } from '../tables.ts';

export async function command(argv: string[]): Promise<number> {
  if (argv[0] === 'check') return (await import('./connectors/check.ts')).command(argv.slice(1));
  const program = new Command('pipe connectors')
    .description(
      'Lists the connectors; `pipe connectors show NAME` shows the fields of one, `pipe connectors check FILE` finds the mistakes in a manifest of your own.',
    )
    .argument('[action]', 'list, show or check', 'list')
    .argument('[name]', 'a connector')
    .addOption(new Option('--format <format>', 'how to print them').choices(['text', 'json']).default('text'))
    .addHelpText('after', '\nExample: pipe connectors show postgres');
  const parsed = parse<{ format: 'text' | 'json' }>(program, argv);
  if (parsed.code !== undefined) return parsed.code;
  const [action = 'list', given] = parsed.args;
  const asJson = parsed.options.format === 'json';
  return withEngine(async (engine) => show(await engine.connectors(), action, given, asJson));
}

function show(all: readonly ConnectorInfo[], action: string, given: string | undefined, asJson: boolean): number {
  if (action === 'list') {
    process.stdout.write(asJson ? `${jsonText(all, 2)}\n` : listText(all));
    return 0;
  }
  // `pipe connectors postgres` means what it looks like.
  const name = action === 'show' ? given : action;
  const found = all.find((each) => each.name === name);
  if (name === undefined || found === undefined) {
    const hint =
      name === undefined
        ? 'Name a connector.'
        : `There is no connector "${name}"${didYouMean(
            name,
            all.map((each) => each.name),
          )}`;
    process.stderr.write(`${hint}\n\`pipe connectors list\` names them.\n`);
    return 2;
  }
  const shown = { ...found, fields: connectorFields[name] ?? found.fields ?? [] };
  process.stdout.write(asJson ? `${jsonText(shown, 2)}\n` : showText(shown));
  return 0;
}

function listText(all: readonly ConnectorInfo[]): string {
  const paint = painter(process.stdout);
  const rows = all.map(({ name, description, capabilities, planned }) => [
    paint(planned ? 'dim' : 'bold', name),
    planned ? 'to come' : capabilities.join(' '),
    description,
  ]);
  return `${alignedTable(rows).join('\n')}\n`;
}

function showText({
  name,
  description,
  capabilities,
  auth,
  planned,
  fields,
  file,
}: ConnectorInfo & { fields: readonly ConnectorField[] }): string {
  const paint = painter(process.stdout);
  const lines = [`${paint('bold', name)}: ${description}`];
  if (planned) lines.push('It is part of the language, but this version cannot use it yet.');
  else lines.push(`It can ${capabilities.join(', ')}.`);
  if (file !== undefined) lines.push(`It is described in ${file}.`);
  if (auth.length > 0) lines.push(`Authentication: ${auth.join(', ')}.`);
  lines.push('');
  const rows = fields.map((field) => [
    `  ${paint('bold', field.name)}`,
    field.type.replaceAll('`', ''),
    field.required
      ? 'required'
      : field.secret
        ? 'secret'
        : field.default === undefined
          ? ''
          : `default ${typeof field.default === 'string' ? field.default : jsonText(field.default)}`,
    field.description.replaceAll('`', ''),
  ]);
  lines.push(...alignedTable(rows), '', `Example: pipe connections add ${name} --alias my-${name}${exampleOf(fields)}`);
  return `${lines.join('\n')}\n`;
}

function exampleOf(fields: readonly ConnectorField[]): string {
  const plain = fields
    .filter(({ secret, required, examples }) => !secret && examples !== undefined && required)
    .slice(0, 3);
  const secret = fields.find((field) => field.secret);
  const sets = plain.map(
    ({ name, examples }) =>
      ` --set ${name}=${typeof examples![0] === 'string' ? examples![0] : jsonText(examples![0])}`,
  );
  return sets.join('') + (secret === undefined ? '' : ` --secret-from-env ${secret.name}=${secret.name.toUpperCase()}`);
}
