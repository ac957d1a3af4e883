// The fields of a connector, asked for one by one.
import type { ConnectorField } from '../schemas/generated/fields.ts';
import { type ReadFields, readFields } from './connection-input.ts';
import { askField, askSeveral } from './prompts.ts';

/**
 * The fields that must be there and the way to authenticate; then those of the others that the user picks. They are put
 * into what is given already, which is not asked for. `askSecret`: for the text of a secret field, or a reference.
 */
export async function askFields(
  known: readonly ConnectorField[],
  { fields, secrets }: ReadFields,
  askSecret: (field: ConnectorField) => Promise<string> = askField,
): Promise<void> {
  const open = known.filter(({ name }) => fields[name] === undefined && secrets[name] === undefined);
  const first = open.filter(({ name, required }) => required || name === 'auth');
  const others = open.filter((field) => !first.includes(field));
  const put = async (field: ConnectorField) => {
    const text = await (field.secret ? askSecret : askField)(field);
    if (text === '') return;
    if (field.secret && !text.includes('${')) secrets[field.name] = text;
    else
      Object.assign(
        fields,
        (await readFields({ set: [`${field.name}=${text}`], secretFromEnv: [], secretFromFile: [] }, known)).fields,
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
