// JSON: an array of records, one record, or the records at a JSON pointer; read and written as a stream.
import type { RowStream } from '../../engine/contracts/data.ts';
import type { Format, FormatContext } from '../../engine/contracts/format.ts';
import { failure } from '../../engine/errors.ts';
import type { JsonOptions } from '../../schemas/generated/types.ts';
import { inBatches, rowTexts, type SizedRows } from './batches.ts';
import { elementSplitter, pointerTokens } from './json/elements.ts';
import { rowsOfRun } from './json/records.ts';
import { indented, rowWriter } from './json/write.ts';
import { decodeText, encodeText, headText } from './text.ts';

/**
 * Reading: a record is at most 64 Mi characters; of equal keys in an object the last wins; integers above 2^53 become
 * bigints, and fractions with more digits than a double holds become text. An element that is not an object becomes a
 * row with the column `value`. Writing: a record a line, or as JSON.stringify lays it out where `indent` says so.
 */
export const json: Format<JsonOptions> = {
  name: 'json',
  extensions: ['json'],
  contentTypes: ['application/json', 'text/json', '+json'],

  sniff: (head) => /^\s*[[{]/.test(headText(head)),

  async decode(bytes, options, context): Promise<RowStream> {
    return { kind: 'rows', batches: inBatches(records(bytes, options, context)) };
  },

  encode(rows, options, context) {
    if (context.continued === true) {
      const hint = '; write `format: ndjson`, or say `mode: replace`';
      throw failure('OPTION_UNSUPPORTED', { what: 'appending to a file', where: 'json', hint });
    }
    return encodeText(texts(rows, options, context), options.encoding, false, context);
  },
};

async function* records(
  bytes: AsyncIterable<Uint8Array>,
  { pointer = '', shape, encoding }: JsonOptions,
  context: FormatContext,
): AsyncGenerator<SizedRows> {
  const splitter = elementSplitter(pointer, shape, context.path);
  for await (const text of decodeText(bytes, encoding, context, { linesBefore: splitter.lines })) {
    for (const run of splitter.push(text)) yield { rows: rowsOfRun(run, context.path), size: run.text.length };
  }
  for (const run of splitter.end()) yield { rows: rowsOfRun(run, context.path), size: run.text.length };
}

function texts(
  { columns, batches }: RowStream,
  { pointer = '', shape = 'array', indent = 0 }: JsonOptions,
  { path }: FormatContext,
): AsyncIterable<string> {
  const tokens = pointerTokens(pointer);
  if (tokens.includes('-')) {
    throw failure('OPTION_UNSUPPORTED', { what: 'a pointer with `-`', where: 'json when it is written' });
  }
  const write = rowWriter(columns, path);
  const line = (depth: number) => `\n${' '.repeat(depth * indent)}`;
  const open = tokens.map((token, depth) =>
    indent === 0 ? `{${JSON.stringify(token)}:` : `{${line(depth + 1)}${JSON.stringify(token)}: `,
  );
  const close = tokens.map((_, depth) => (indent === 0 ? '}' : `${line(depth)}}`)).reverse();
  const first = open.join('');
  const end = `${close.join('')}\n`;

  if (shape === 'array') {
    const depth = tokens.length + 1;
    return rowTexts(
      batches,
      (row, position) => (position === 1 ? '[' : ',') + line(depth) + indented(write(row, position), indent, depth),
      { first, last: (count) => (count === 0 ? '[]' : `${line(tokens.length)}]`) + end },
    );
  }
  const refuse = (found: string): never => {
    const hint = `, and there ${found}; write an array with \`shape: array\``;
    const what = 'anything but exactly one record';
    throw failure('OPTION_UNSUPPORTED', { what, where: `${path} with \`shape: object\``, hint });
  };
  return rowTexts(
    batches,
    (row, position) => (position > 1 ? refuse('are more') : indented(write(row, position), indent, tokens.length)),
    { first, last: (count) => (count === 0 ? refuse('is none') : end) },
  );
}
