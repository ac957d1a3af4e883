// What a test has in place of the systems that paths lead to: its inputs are read, what is written is kept.
import type { PipeTest, TestData } from '../../schemas/generated/types.ts';
import type { Player } from '../cassettes/replay.ts';
import { type FoundConnection, isOwnField } from '../connections.ts';
import { loaderOf, partOf } from '../connector-parts.ts';
import type { AnyConnection, AnyConnector, Operations, ReadOptions } from '../contracts/connector.ts';
import type { FileItem, Row, Stream } from '../contracts/data.ts';
import type { FormatChoice } from '../contracts/task.ts';
import { failure } from '../errors.ts';
import type { Parts } from '../parts.ts';
import { hasPattern, matcher } from '../paths.ts';
import type { Place, StandIns } from '../targets.ts';
import { type DataReader, rowStream } from './data.ts';
import { entryFor, namesOf, spelled } from './names.ts';
import type { Output } from './outputs.ts';
import { collectRows } from './rows.ts';

/** In place of every secret; it goes nowhere, and is like nothing that a pipe may hold. */
export const noSecret = 'q7x2-no-secret-k9w4';
/** In place of a variable of the environment, which a test must not depend on. */
const noVariable = 'test';

export interface StandInParts {
  test: PipeTest;
  parts: Pick<Parts, 'connectors'>;
  data: DataReader;
  /** Where there are cassettes. */
  player: Player | undefined;
  /** Gets what is written. */
  outputs: Output[];
}

export function createStandIns({ test, parts, data, player, outputs }: StandInParts): StandIns {
  const { inputs = {}, expect = {} } = test;
  return {
    async at(place) {
      const { found, task, path, shown } = place;
      const connector = await connectorOf(found, parts);
      const names = namesOf(task, shown);
      const input = entryFor(inputs, names);
      const replayed = connector.wired === true && player !== undefined && (await player.has(found.name));
      if (replayed && input === undefined && entryFor(expect, names) === undefined)
        return { found: withoutSecrets(found) };
      const many = input === undefined && connector.stores === 'files' ? matching(inputs, shown) : [];
      const connection = standIn({ ...place, names, connector, input: input?.data, many, data, outputs });
      // One input stands for all that a pattern finds.
      const asked =
        (input !== undefined || many.length > 0) && hasPattern(path) ? path.replace(/[*?{}\\]/g, '_') : path;
      return { target: { connection, connector: connector.name, stores: connector.stores, path: asked, shown } };
    },
  };
}

/** The inputs that a pattern finds. */
function matching(inputs: Record<string, TestData>, pattern: string): [path: string, data: TestData][] {
  if (!hasPattern(pattern)) return [];
  const fits = matcher(spelled(pattern));
  return Object.entries(inputs).filter(([key]) => fits(spelled(key)));
}

async function connectorOf(found: FoundConnection, parts: Pick<Parts, 'connectors'>): Promise<AnyConnector> {
  const load = loaderOf(found, parts);
  if (load !== undefined) return load();
  throw failure('OPTION_UNSUPPORTED', {
    what: `the connector "${found.definition.connector}"`,
    where: 'this version',
  });
}

/** The connection as it is opened to be answered from cassettes: no secret of its own, nothing of the environment. */
function withoutSecrets(found: FoundConnection): FoundConnection {
  const definition: Record<string, unknown> = { ...found.definition };
  for (const [field, value] of Object.entries(definition)) {
    if (isOwnField(field) && typeof value === 'string')
      definition[field] = value.replace(/\$\{\s*env\.[A-Za-z_][A-Za-z0-9_]*\s*\}/g, noVariable);
  }
  for (const field of partOf(found)?.secrets ?? []) definition[field] = noSecret;
  return { ...found, definition: definition as FoundConnection['definition'] };
}

interface Standing extends Place {
  names: readonly string[];
  connector: AnyConnector;
  input: TestData | undefined;
  many: [path: string, data: TestData][];
  data: DataReader;
  outputs: Output[];
}

/** With the operations that the connector has, and no other. */
function standIn(standing: Standing): AnyConnection {
  const { connector } = standing;
  const all: Partial<Operations> = { ...sources(standing), ...targets(standing) };
  const operations = Object.fromEntries(connector.capabilities.map((name) => [name, all[name]]));
  return { ...operations, verify: async () => ({ ok: true }), close: async () => {} };
}

function sources({ task, names, shown, connector, input, many, data, found, outputs }: Standing) {
  const format = task.definition.format as FormatChoice | undefined;
  const missing = (what: string) => {
    const cassettes =
      connector.wired === true && found.name !== ''
        ? `, or record a cassette of "${found.name}" with \`pipe run --record DIR\` and name its folder as \`cassettes\``
        : '';
    return failure('TEST_INPUT_MISSING', {
      where: `task ${task.index + 1} (${task.op})`,
      what,
      advice: `add it under \`inputs\` as "${task.definition.id === undefined ? shown : task.id}"${cassettes}`,
    });
  };
  const wanted = (what: string): TestData => {
    if (input === undefined) throw missing(what);
    return input;
  };
  const read = async (_: string, o: ReadOptions): Promise<Stream> => {
    if (connector.stores !== 'files') return rowsFor(await data.rows(wanted(shown)), o);
    const given: [string, TestData][] = many.length > 0 ? many : [[shown, wanted(shown)]];
    async function* files(): AsyncGenerator<FileItem> {
      for (const [path, each] of given) {
        const item = await data.file(each, path.replace(/[*?]/g, '_'), format);
        yield { ...item, relativePath: item.name };
      }
    }
    return { kind: 'files', files: files() };
  };
  return {
    read,
    async *list() {
      for (const row of await data.rows(wanted(`the list of ${shown}`))) {
        const { name = '', kind = 'file', path = name, size, modified, content_type: contentType } = row as Row;
        yield {
          kind: kind as 'file',
          name: String(name),
          path: String(path),
          ...(typeof size === 'number' ? { size } : {}),
          ...(typeof modified === 'string' ? { modified } : {}),
          ...(typeof contentType === 'string' ? { contentType } : {}),
        };
      }
    },
    async query(statement, parameters, o) {
      if (input !== undefined || o.readOnly === true) return rowStream(await data.rows(wanted('its query')));
      // It may write: what is kept is the statement itself.
      outputs.push({
        names,
        shown,
        rows: [{ statement, ...(parameters.length === 0 ? {} : { parameters: [...parameters] }) }],
      });
      await o.beforeCommit?.();
      return rowStream([]);
    },
    async request(asked) {
      const given = wanted(asked.url);
      const item = await data.file(given, 'answer', Array.isArray(given) ? 'json' : format);
      const url = URL.canParse(asked.url) ? asked.url : `https://test.invalid/${asked.url}`;
      return { status: 200, headers: { 'content-type': item.contentType }, url, body: item.open() };
    },
    describe: async () => ({ kind: connector.stores === 'files' ? 'file' : 'table' }),
  } satisfies Partial<Operations>;
}

/** Rows as a source gives them: the columns that are asked for, and how far they reach. */
function rowsFor(rows: readonly Row[], { columns, checkpoints, cursor }: ReadOptions) {
  const shaped =
    columns === undefined
      ? rows
      : rows.map((row) => Object.fromEntries(columns.map((name) => [name, row[name] ?? null])));
  if (cursor !== undefined) {
    const reached = (last: Row | undefined) =>
      last === undefined
        ? (cursor.after ?? null)
        : Object.fromEntries(cursor.columns.map((name) => [name, last[name] ?? null]));
    return rowStream(shaped, reached);
  }
  return checkpoints === true ? rowStream(shaped, () => ({ done: true })) : rowStream(shaped);
}

function targets({ task, names, shown, outputs }: Standing) {
  const format = task.definition.format as FormatChoice | undefined;
  const keep = (row: Row) => outputs.push({ names, shown, rows: [row] });
  return {
    async write(path, stream, o) {
      const kept: Output[] = [];
      if (stream.kind === 'rows') kept.push({ names, shown, rows: await collectRows(stream) });
      else
        for await (const file of stream.files) {
          const chunks: Uint8Array[] = [];
          for await (const chunk of file.open()) chunks.push(chunk);
          const into = path.endsWith('/') ? `${shown.replace(/\/?$/, '/')}${file.relativePath ?? file.name}` : shown;
          kept.push({ names: [...names, spelled(into)], shown: into, format, bytes: Buffer.concat(chunks) });
        }
      await o.beforeCommit();
      outputs.push(...kept);
      return {
        paths: kept.map((output) => output.shown),
        ...(stream.kind === 'rows' && { rows: kept[0]!.rows!.length }),
      };
    },
    async send({ attachments, replyTo, ...message }) {
      const attached: string[] = [];
      for await (const { name } of attachments ?? []) attached.push(name);
      keep({
        ...(message as Row),
        ...(replyTo === undefined ? {} : { reply_to: replyTo }),
        ...(attached.length === 0 ? {} : { attachments: attached }),
      });
      return { id: 'test' };
    },
    async remove(path) {
      keep({ path });
    },
    async removeFiles(paths) {
      for (const path of paths) keep({ path });
    },
    async makeFolder(path) {
      keep({ path });
    },
    async copy(from, to) {
      keep({ from, to });
      return { paths: [to] };
    },
    checkpoint: async () => undefined,
  } satisfies Partial<Operations>;
}
