// How a CSV file is written: the options, checked against each other and with their defaults filled in.
import { failure } from '../../../engine/errors.ts';
import type { CsvOptions, TsvOptions } from '../../../schemas/generated/types.ts';

export interface Dialect {
  delimiter: string;
  /** Empty: nothing is quoted. */
  quote: string;
  /** The quote itself when it is doubled. */
  escaping: string;
  /** What stands for NULL when it is not quoted; the first is what is written. */
  nulls: readonly [string, ...string[]];
  trim: boolean;
  comment: string | undefined;
  /** Set when the scanner can find the ends of fields: one ASCII byte each, quotes doubled, nothing to leave out. */
  bytes: { delimiter: number; quote: number | undefined } | undefined;
}

export function dialectOf(options: CsvOptions | TsvOptions): Dialect {
  const delimiter = options.delimiter ?? (options.name === 'tsv' ? '\t' : ',');
  const quote = options.quote ?? '"';
  const escaping = quote === '' ? '' : options.escape || quote;
  const comment = options.comment || undefined;
  const trim = options.trim ?? false;
  const nulls = [options.null_text ?? ''].flat() as string[] as [string, ...string[]];

  const refuse = (what: string, hint: string) =>
    failure('OPTION_UNSUPPORTED', { what, where: `the format ${options.name}`, hint: `; ${hint}` });
  const special = [...delimiter, quote, escaping, comment ?? ''];
  if (special.some((text) => text.includes('\n') || text.includes('\r'))) {
    throw refuse('a line break in `delimiter`, `quote`, `escape` or `comment`', 'lines always end in LF or CR LF');
  }
  if (quote !== '' && delimiter.includes(quote)) {
    throw refuse(`\`quote: ${JSON.stringify(quote)}\` with that delimiter`, 'make them different');
  }
  if (delimiter.includes(escaping) && escaping !== '') {
    throw refuse(`\`escape: ${JSON.stringify(escaping)}\` with that delimiter`, 'make them different');
  }
  if (comment !== undefined && quote !== '' && comment.startsWith(quote)) {
    throw refuse('a comment that begins with the quote', 'make them different');
  }
  if (nulls.some((text) => text.includes(delimiter) || /[\r\n]/.test(text) || (quote !== '' && text.includes(quote)))) {
    throw refuse('a `null_text` with a delimiter, a quote or a line break in it', 'choose another text');
  }

  const simple =
    escaping === quote && !trim && comment === undefined && isByte(delimiter) && (quote === '' || isByte(quote));
  const bytes = simple
    ? { delimiter: delimiter.charCodeAt(0), quote: quote === '' ? undefined : quote.charCodeAt(0) }
    : undefined;
  return { delimiter, quote, escaping, nulls, trim, comment, bytes };
}

// NUL is left out: the scanner reads zeros after the text.
function isByte(text: string): boolean {
  return text.length === 1 && text.charCodeAt(0) > 0 && text.charCodeAt(0) < 0x80;
}
