// What a test run would have written: kept instead, and compared with what was expected.
import type { PipeTest, TestData } from '../../schemas/generated/types.ts';
import type { Codecs } from '../codecs.ts';
import { compressionOf, decompress } from '../compression.ts';
import type { FileItem, Row } from '../contracts/data.ts';
import type { FormatChoice } from '../contracts/task.ts';
import { asFailure } from '../errors.ts';
import type { FormatRegistry } from '../formats.ts';
import { didYouMean } from '../suggest.ts';
import { compareLines, compareRows } from './compare.ts';
import type { DataReader } from './data.ts';
import { entryFor } from './names.ts';
import type { Problem } from './report.ts';
import { collectRows } from './rows.ts';

export interface Output {
  /** The id of the task, and the paths it goes by. */
  names: readonly string[];
  shown: string;
  format?: FormatChoice | undefined;
  /** It was written nowhere; only a test that asks for it looks at it. */
  aside?: true;
  /** One of them. */
  rows?: Row[];
  bytes?: Uint8Array;
}

export interface Comparing {
  outputs: readonly Output[];
  data: DataReader;
  codecs: Codecs;
  formats: FormatRegistry;
  signal: AbortSignal;
}

/** Everything that is expected and is not so; and the outputs that nothing was expected of. */
export async function compareOutputs(
  expect: NonNullable<PipeTest['expect']>,
  comparing: Comparing,
): Promise<{ problems: Problem[]; unlooked: Output[] }> {
  const problems: Problem[] = [];
  const looked = new Set<Output>();
  for (const [key, expected] of Object.entries(expect)) {
    const found = comparing.outputs.filter(({ names }) => entryFor({ [key]: true }, names) !== undefined);
    for (const each of found) looked.add(each);
    try {
      problems.push(...(await compareOne(key, expected, found, comparing)));
    } catch (error) {
      problems.push({ kind: 'output', output: key, message: asFailure(error, key).message });
    }
  }
  return { problems, unlooked: comparing.outputs.filter((each) => !looked.has(each) && each.aside !== true) };
}

async function compareOne(
  key: string,
  expected: TestData,
  found: readonly Output[],
  { outputs, data, codecs, signal }: Comparing,
): Promise<Problem[]> {
  const other = (message: string): Problem[] => [{ kind: 'output', output: key, message }];
  const [first] = found;
  if (first === undefined) {
    const names = outputs.filter(({ aside }) => aside !== true).map(({ shown }) => shown);
    const near = didYouMean(key, names);
    const written = names.length === 0 ? '; nothing was written at all' : `; what was written: ${names.join(', ')}`;
    return other(`nothing was written there${near === '' ? written : near}`);
  }
  const files = new Set(found.filter(({ bytes }) => bytes !== undefined).map(({ shown }) => shown));
  if (files.size > 1)
    return other(`${files.size} files were written; name each by its path: ${[...files].slice(0, 5).join(', ')}`);
  const rowsOf = async (output: Output): Promise<Row[]> =>
    output.rows ?? collectRows(await codecs.rows(asFiles(output, output.format)));

  if (first.rows === undefined && !Array.isArray(expected)) {
    const written = Buffer.concat(found.map(({ bytes }) => bytes!));
    const text = Buffer.from(await plainBytes(written, first, signal)).toString();
    const lines = compareLines(await data.text(expected), text);
    return lines.differences.length === 0 ? [] : [{ kind: 'text', output: key, ...lines }];
  }
  const written = (await Promise.all(found.map(rowsOf))).flat();
  const wanted = await data.rows(expected);
  // What has gone through a file has lost its types there.
  const loose = first.rows === undefined || !Array.isArray(expected);
  const rows = compareRows(wanted, written, loose);
  if (rows.differences.length === 0) return [];
  return [{ kind: 'rows', output: key, expected: wanted.length, written: written.length, ...rows }];
}

function asFiles({ shown, bytes = new Uint8Array() }: Output, format: FormatChoice | undefined) {
  async function* files(): AsyncGenerator<FileItem> {
    const open = async function* () {
      if (bytes.length > 0) yield bytes;
    };
    yield { name: shown, path: shown, contentType: 'application/octet-stream', open };
  }
  return { kind: 'files' as const, files: files(), ...(format === undefined ? {} : { reading: { format } }) };
}

/** Without the compression that its name tells. */
async function plainBytes(bytes: Uint8Array, { shown }: Output, signal: AbortSignal): Promise<Uint8Array> {
  const compressions = compressionOf({ path: shown });
  if (compressions.length === 0) return bytes;
  const whole = async function* () {
    yield bytes;
  };
  const chunks: Uint8Array[] = [];
  for await (const chunk of decompress(whole(), compressions, { path: shown, signal })) chunks.push(chunk);
  return Buffer.concat(chunks);
}
