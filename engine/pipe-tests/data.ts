// The data of a test, inline or in a file, as what a connection gives.
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { TestData } from '../../schemas/generated/types.ts';
import type { Codecs } from '../codecs.ts';
import type { Batch, Column, FileItem, Row, RowStream } from '../contracts/data.ts';
import type { FormatChoice } from '../contracts/task.ts';
import { asFailure, failure } from '../errors.ts';
import { type FormatRegistry, formatName } from '../formats.ts';
import { collectRows } from './rows.ts';

export interface DataReader {
  /** As rows; the format of a file by what the data says, else by its name. */
  rows(data: TestData): Promise<Row[]>;
  /** As a file at the path, in the format that the path or the choice says; where neither does, as the data has it. */
  file(data: TestData, path: string, format?: FormatChoice): Promise<FileItem>;
  text(data: TestData): Promise<string>;
}

export function createDataReader(folder: string, formats: FormatRegistry, codecs: Codecs): DataReader {
  const bytesOf = async ({ file, text }: Exclude<TestData, unknown[]>): Promise<Uint8Array> => {
    if (file === undefined) return Buffer.from(text ?? '');
    return readFile(resolve(folder, file)).catch((error: unknown) => {
      throw asFailure(error, file);
    });
  };
  const itemOf = (bytes: Uint8Array, path: string, contentType = 'application/octet-stream'): FileItem => ({
    name: path.slice(path.lastIndexOf('/') + 1),
    path,
    contentType,
    size: bytes.length,
    async *open(range) {
      const part = range === undefined ? bytes : bytes.subarray(range.start, range.end);
      if (part.length > 0) yield part;
    },
  });
  const encoded = async (rows: Row[], path: string, format: FormatChoice | undefined): Promise<FileItem> => {
    const known = formatName({ path }, format, formats);
    const item = codecs.encode(rowStream(rows), path, known === undefined ? 'ndjson' : format, false);
    const chunks: Uint8Array[] = [];
    for await (const chunk of item.open()) chunks.push(chunk);
    return itemOf(Buffer.concat(chunks), path, item.contentType);
  };

  const reader: DataReader = {
    async rows(data) {
      if (Array.isArray(data)) return data as Row[];
      const path = data.file ?? 'the text';
      if (data.file === undefined && data.format === undefined)
        throw failure('FORMAT_UNKNOWN', { path, known: Object.keys(formats).join(', ') });
      const reading = data.format === undefined ? {} : { reading: { format: data.format as FormatChoice } };
      const files = only(itemOf(await bytesOf(data), path));
      return collectRows(await codecs.rows({ kind: 'files', files, ...reading }));
    },
    async file(data, path, format) {
      if (Array.isArray(data)) return encoded(data as Row[], path, format);
      const bytes = await bytesOf(data);
      const own = formatName({ path: data.file ?? '' }, data.format as FormatChoice | undefined, formats);
      const wanted = formatName({ path }, format, formats);
      // Another format than the one that the task reads is put into that one.
      if (wanted !== undefined && own !== undefined && own !== wanted)
        return encoded(await reader.rows(data), path, format);
      return itemOf(bytes, path, own === undefined ? undefined : formats[own]!.contentTypes[0]);
    },
    async text(data) {
      return Array.isArray(data) ? JSON.stringify(data) : Buffer.from(await bytesOf(data)).toString();
    },
  };
  return reader;
}

async function* only(file: FileItem): AsyncGenerator<FileItem> {
  yield file;
}

/** Every row with every column, each batch with how far it is. */
export function rowStream(
  rows: readonly Row[],
  checkpointOf?: (last: Row | undefined) => Batch['checkpoint'],
): RowStream {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const columns = names.map((name): Column => ({ name, type: 'text', untyped: true }));
  async function* batches(): AsyncGenerator<Batch> {
    const whole = rows.map((row) => Object.fromEntries(names.map((name) => [name, row[name] ?? null])));
    yield { rows: whole, ...(checkpointOf && { checkpoint: checkpointOf(rows.at(-1)) ?? null }) };
  }
  return { kind: 'rows', columns, batches: batches(), ...(checkpointOf && { checkpoints: true }) };
}
