// Where the passphrase of the credentials file comes from: a file, PIPE_PASSPHRASE, or the user.
import { resolve } from 'node:path';
import { failure } from '../errors.ts';
import { readPrivateFile } from './replace.ts';

export interface PassphraseQuestion {
  /** The file it is for. */
  path: string;
  /** The file is about to be made: have it typed twice. */
  isNew: boolean;
  /** From 1; more than 1 after a wrong one. */
  attempt: number;
}

/** Asks the user without showing what is typed; undefined when there is no one to ask or they gave up. */
export type AskPassphrase = (question: PassphraseQuestion, o: { signal: AbortSignal }) => Promise<string | undefined>;

export interface PassphraseSources {
  passphraseFile?: string;
  environment: Readonly<Record<string, string | undefined>>;
  ask?: AskPassphrase;
}

export interface Passphrase {
  text: string;
  /** For messages. */
  source: string;
  /** Whether another try may give another one. */
  again: boolean;
}

/** Throws PASSPHRASE_MISSING when no source has one, and STORE_EXPOSED when others may read its file. */
export async function getPassphrase(
  { passphraseFile, environment, ask }: PassphraseSources,
  question: PassphraseQuestion,
  signal: AbortSignal,
): Promise<Passphrase> {
  if (passphraseFile !== undefined) {
    const path = resolve(passphraseFile);
    const bytes = readPrivateFile(path);
    if (bytes === undefined) throw failure('NOT_FOUND', { path, hint: '; `passphrase_file` names it' });
    const text = bytes.toString('utf8').replace(/\r?\n$/, '');
    if (text !== '') return { text, source: path, again: false };
    throw failure('PASSPHRASE_MISSING', { path: question.path });
  }
  const text = environment.PIPE_PASSPHRASE;
  if (text) return { text, source: 'PIPE_PASSPHRASE', again: false };
  const typed = await ask?.(question, { signal });
  if (typed) return { text: typed, source: 'the prompt', again: true };
  throw failure('PASSPHRASE_MISSING', { path: question.path });
}
