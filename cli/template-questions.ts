// What a template leaves open, asked at the terminal.
import type { ConnectionInfo } from '../engine/connection-info.ts';
import { environmentName } from '../engine/credentials/names.ts';
import { aliasProblem } from '../engine/eid.ts';
import { connectorFields } from '../schemas/generated/fields.ts';
import { connectors as parts } from '../schemas/generated/language.ts';
import type { Param } from '../schemas/generated/types.ts';
import { askFields } from './connection-questions.ts';
import { askChoice, askText } from './prompts.ts';
import { type Choices, paramOf, type Template } from './templates.ts';

/** Asks for the connections and params that `given` does not have. */
export async function askChoices(
  { connections, params }: Template,
  given: Choices,
  saved: readonly ConnectionInfo[],
): Promise<Choices> {
  const aliases: Record<string, string> = { ...given.aliases };
  const own: Record<string, Record<string, unknown>> = {};
  for (const [name, { title, connectors }] of Object.entries(connections)) {
    if (aliases[name] !== undefined) continue;
    const fitting = saved.filter(({ connector }) => connectors.includes(connector));
    const choice = await askChoice(title, [
      ...fitting.map((each) => ({ value: each.name, hint: each.title ?? each.connector })),
      { value: '+later', label: 'another one', hint: 'that you name now and add later' },
      { value: '+own', label: 'one of this pipe alone', hint: 'its fields are written into the file' },
    ]);
    aliases[name] = choice;
    if (choice === '+later') {
      const alias = await askText('The name that it will have', { placeholder: name, problem: aliasProblem });
      aliases[name] = alias === '' ? name : alias;
    } else if (choice === '+own') {
      aliases[name] = name;
      own[name] = await askOwn(name, connectors);
    }
  }
  const values = { ...given.params };
  for (const [name, param] of Object.entries(params)) {
    if (Object.hasOwn(values, name)) continue;
    const text = await askText(questionOf(name, param), {
      placeholder: param.default === undefined ? 'empty: to be given at each run' : String(param.default),
      problem: (each) => {
        const read = paramOf(param, each);
        return 'reason' in read ? `It ${read.reason}` : undefined;
      },
    });
    const read = paramOf(param, text);
    if (text !== '' && 'value' in read) values[name] = read.value;
  }
  return { aliases, params: values, own };
}

function questionOf(name: string, { title = name, description }: Param): string {
  return description === undefined ? title : `${title}: ${description.replaceAll('`', '')}`;
}

/** The fields of a connection that stands in the pipe. Its secrets do not: the file says which variables hold them. */
async function askOwn(alias: string, fitting: readonly string[]): Promise<Record<string, unknown>> {
  const connector =
    fitting.length === 1
      ? fitting[0]!
      : await askChoice(
          'Which kind of system?',
          fitting.map((value) => ({ value, hint: parts[value]!.description })),
        );
  const given = { fields: {}, secrets: {} };
  await askFields(connectorFields[connector]!, given, async ({ name, title }) => {
    const standard = environmentName(alias, name);
    const variable = await askText(`${title}: the environment variable that holds it`, {
      placeholder: standard,
      problem: (text) => (/^[A-Za-z_]\w*$/.test(text) ? undefined : 'That is no name of a variable'),
    });
    return `\${env.${variable === '' ? standard : variable}}`;
  });
  return { connector, ...given.fields };
}
