// Questions at the terminal. They go to stderr, so that stdout stays for data; secrets are never shown.
import { failure } from '../engine/errors.ts';
import type { ConnectorField } from '../schemas/generated/fields.ts';

interface PassphraseQuestion {
  path: string;
  isNew: boolean;
  attempt: number;
}

const output = process.stderr;

/** Undefined when the user gave up. A new one is typed twice. */
export async function askPassphrase(
  { path, isNew, attempt }: PassphraseQuestion,
  { signal }: { signal: AbortSignal },
): Promise<string | undefined> {
  const { password, isCancel } = await import('@clack/prompts');
  const ask = async (message: string, validate?: (text: string | undefined) => string | undefined) => {
    const answer = await password({ message, output, signal, ...(validate === undefined ? {} : { validate }) });
    return isCancel(answer) ? undefined : answer;
  };
  if (!isNew) return ask(attempt > 1 ? `That does not open ${path}; the passphrase again` : `Passphrase of ${path}`);
  const first = await ask(`A new passphrase for ${path}`, (text) =>
    (text ?? '').length < 8 ? 'Take at least 8 characters' : undefined,
  );
  if (first === undefined) return undefined;
  return ask('The same once more', (text) => (text === first ? undefined : 'It is not the same'));
}

interface TextQuestion {
  placeholder?: string;
  required?: boolean;
  /** Why the text, which is not empty, cannot be taken. */
  problem?(text: string): string | undefined;
}

/** Empty for none. */
export async function askText(
  message: string,
  { placeholder, required = false, problem }: TextQuestion = {},
): Promise<string> {
  const { text } = await import('@clack/prompts');
  const validate = (value = '') => {
    if (value === '') return required ? 'It is needed' : undefined;
    return problem?.(value);
  };
  return (
    answered(await text({ message, output, validate, ...(placeholder === undefined ? {} : { placeholder }) })) ?? ''
  );
}

export async function askSecret(message: string): Promise<string> {
  const { password } = await import('@clack/prompts');
  return answered(await password({ message, output })) ?? '';
}

export async function askChoice(
  message: string,
  choices: readonly { value: string; label?: string; hint?: string }[],
  initial?: string,
): Promise<string> {
  const { select } = await import('@clack/prompts');
  const options = choices.map(({ value, label = value, hint }) => ({
    value,
    label,
    ...(hint === undefined ? {} : { hint }),
  }));
  return answered(
    await select({ message, options, output, ...(initial === undefined ? {} : { initialValue: initial }) }),
  );
}

export async function askSeveral(
  message: string,
  choices: readonly { value: string; label: string; hint?: string }[],
): Promise<string[]> {
  const { multiselect } = await import('@clack/prompts');
  return answered(await multiselect({ message, options: [...choices], required: false, output }));
}

export async function askYes(message: string): Promise<boolean> {
  const { confirm } = await import('@clack/prompts');
  return answered(await confirm({ message, output, initialValue: false }));
}

/** The text of one field of a connector; empty for none. Secret ones are not shown. */
export async function askField(field: ConnectorField): Promise<string> {
  const { title, description, secret, required, choices, examples, default: standard } = field;
  const message = `${title}: ${plainText(description)}`;
  if (secret) return askSecret(message);
  if (choices !== undefined)
    return askChoice(
      message,
      choices.map((choice) => ({ value: String(choice) })),
      standard === undefined ? undefined : String(standard),
    );
  const example = standard ?? examples?.[0];
  const placeholder =
    example === undefined ? {} : { placeholder: typeof example === 'string' ? example : JSON.stringify(example) };
  return askText(message, { ...placeholder, required: required === true });
}

function plainText(markdown: string): string {
  return markdown.replaceAll('`', '');
}

function answered<T>(answer: T): Exclude<T, symbol> {
  if (typeof answer === 'symbol') throw failure('INTERRUPTED');
  return answer as Exclude<T, symbol>;
}
