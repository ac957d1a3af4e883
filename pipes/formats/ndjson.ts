// NDJSON: a JSON value on each line.
import type { Row, RowStream, Value } from '../../engine/contracts/data.ts';
import type { Format, FormatContext } from '../../engine/contracts/format.ts';
import { failure } from '../../engine/errors.ts';
import type { NdjsonOptions } from '../../schemas/generated/types.ts';
import { inBatches, rowTexts, type SizedRows } from './batches.ts';
import { longestRecord } from './json/elements.ts';
import { doubtfulNumbers } from './json/numbers.ts';
import { asRow, lineValue } from './json/records.ts';
import { rowWriter } from './json/write.ts';
import { decodeText, encodeText, headText } from './text.ts';

/**
 * Blank lines are passed over; a line that is not an object becomes a row with the column `value`. Numbers and equal
 * keys are as in json.
 */
export const ndjson: Format<NdjsonOptions> = {
  name: 'ndjson',
  extensions: ['ndjson', 'jsonl'],
  contentTypes: ['application/x-ndjson', 'application/ndjson', 'application/jsonl', 'application/x-jsonlines'],

  sniff(head) {
    const [first = '', second = ''] = headText(head).split(/\r?\n/, 2);
    return /^\{.*\}\s*$/.test(first) && second.startsWith('{');
  },

  async decode(bytes, options, context): Promise<RowStream> {
    return { kind: 'rows', batches: inBatches(records(bytes, options, context)) };
  },

  encode({ columns, batches }, { encoding }, context) {
    const write = rowWriter(columns, context.path);
    const texts = rowTexts(batches, (row, position) => `${write(row, position)}\n`);
    return encodeText(texts, encoding, false, context);
  },
};

async function* records(
  bytes: AsyncIterable<Uint8Array>,
  { encoding }: NdjsonOptions,
  context: FormatContext,
): AsyncGenerator<SizedRows> {
  let lines = 0;
  /** The start of a line whose end has not come. */
  let before: string[] = [];
  let beforeLength = 0;

  for await (const text of decodeText(bytes, encoding, context, { linesBefore: () => lines })) {
    const end = text.lastIndexOf('\n') + 1;
    if (end > 0) {
      before.push(text.slice(0, end));
      const whole = before.join('');
      before = [];
      beforeLength = 0;
      const rows = rowsOfLines(whole);
      if (rows.length > 0) yield { rows, size: whole.length };
    }
    if (end === text.length) continue;
    before.push(text.slice(end));
    beforeLength += text.length - end;
    if (beforeLength > longestRecord) throw tooLong(lines + 1, context.path);
  }
  const last = before.join('');
  if (last.trim() !== '') yield { rows: [asRow(lineValue(last, lines + 1, false, context.path))], size: last.length };

  function rowsOfLines(text: string): Row[] {
    const rows: Row[] = [];
    const doubtful = doubtfulNumbers(text);
    let start = 0;
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', start)) {
      lines++;
      if (doubtful(start) < end) rows.push(asRow(lineValue(text.slice(start, end), lines, true, context.path)));
      else if (start < end) {
        const value = parsed(text.slice(start, end));
        if (value !== undefined) rows.push(asRow(value));
      }
      start = end + 1;
    }
    return rows;
  }

  function parsed(line: string): Value | undefined {
    try {
      return JSON.parse(line);
    } catch {
      return line.trim() === '' ? undefined : lineValue(line, lines, true, context.path);
    }
  }
}

function tooLong(line: number, path: string): Error {
  const reason = `the line has over ${longestRecord} characters; for one JSON document say \`format: json\``;
  return failure('INPUT_MALFORMED', { path, line, reason });
}
