// A large file written in several ranges at once, and the journal by which a later run goes on where a killed one was.
import { createHash } from 'node:crypto';
import { type FileHandle, open, readdir, readFile, stat, unlink } from 'node:fs/promises';
import { hostname, uptime } from 'node:os';
import { dirname, join } from 'node:path';
import type { Parts } from '../../engine/contracts/connector.ts';
import type { Buffers, FileItem } from '../../engine/contracts/data.ts';
import { failure } from '../../engine/errors.ts';
import { createBuffers } from '../shared/buffers.ts';
import { hiddenName, isRunning } from '../shared/leftovers.ts';
import { createPool } from '../shared/pool.ts';
import { type Pour, pourInto, writeAll } from './pour.ts';

/** The time of the start is reckoned from the clock, which may have been set meanwhile. */
const bootToleranceSeconds = 120;

/** The first line of a journal; each further one is the number of a part that is there. */
interface Head {
  pid: number;
  host: string;
  /** When the machine was started, in seconds: what a power cut has left is not trusted. */
  booted: number;
}

export interface PartFile {
  path: string;
  journal: string;
  partBytes: number;
  /** The parts, from 0, that are there already. */
  done: ReadonlySet<number>;
}

/**
 * Where the parts of this file go: to what a killed run has left of the same version, else to a new file. Undefined
 * where another run that is alive writes the same.
 */
export async function findPartFile(target: string, item: FileItem, parts: Parts): Promise<PartFile | undefined> {
  const partBytes = parts.bytes;
  const id = createHash('sha256')
    .update(`${partBytes} ${item.size} ${parts.resume!(item)}`)
    .digest('hex')
    .slice(0, 12);
  const folder = dirname(target);
  const wanted = hiddenName(target, `.${id}.part`);
  const journalOf = (name: string) => join(folder, name.replace(/part$/, 'journal'));
  const path = join(folder, wanted);
  const journal = journalOf(wanted);
  const head = await readJournal(journal);
  if (head !== undefined && isHeld(head)) return undefined;
  await removeOthers(folder, target, wanted, journalOf);
  const size = await stat(path).then(
    (found) => found.size,
    () => undefined,
  );
  const trusted = head !== undefined && size === item.size && Math.abs(head.booted - booted()) < bootToleranceSeconds;
  return { path, journal, partBytes, done: trusted ? head.done : new Set() };
}

/** What is there of other versions of the source. */
async function removeOthers(folder: string, target: string, wanted: string, journalOf: (name: string) => string) {
  const prefix = hiddenName(target, '.000000000000.part').slice(0, -'000000000000.part'.length);
  for (const name of await readdir(folder).catch(() => [])) {
    if (!name.startsWith(prefix) || name === wanted || !/^[0-9a-f]{12}\.part$/.test(name.slice(prefix.length)))
      continue;
    const head = await readJournal(journalOf(name));
    if (head !== undefined && isHeld(head)) continue;
    await unlink(join(folder, name)).catch(() => {});
    await unlink(journalOf(name)).catch(() => {});
  }
}

async function readJournal(path: string): Promise<(Head & { done: Set<number> }) | undefined> {
  try {
    // A last line without an end was being written.
    const [first = '', ...lines] = (await readFile(path, 'utf8')).split('\n').slice(0, -1);
    return { ...(JSON.parse(first) as Head), done: new Set(lines.map(Number)) };
  } catch {
    return undefined;
  }
}

function isHeld({ pid, host }: Head): boolean {
  return host === hostname() && isRunning(pid);
}

function booted(): number {
  return Math.round(Date.now() / 1000 - uptime());
}

export interface PourOptions {
  atOnce: number;
  signal: AbortSignal;
  onBytes(count: number): void;
}

/** Resolves when every part was handed to the disk. */
export async function pourParts(
  handle: FileHandle,
  file: PartFile,
  item: FileItem,
  { atOnce, signal, onBytes }: PourOptions,
): Promise<void> {
  const size = item.size!;
  const { partBytes, done } = file;
  const head: Head = { pid: process.pid, host: hostname(), booted: booted() };
  const lines = [JSON.stringify(head), ...done].map((line) => `${line}\n`).join('');
  const journal = await open(file.journal, 'w');
  const pool = createPool(atOnce);
  const buffers = createBuffers();
  let writing: Promise<void> = Promise.resolve();
  // One call at a time: the system lets no two write to one file, and lets the others wait for it in a busy loop.
  const write: Pour['write'] = (pieces, position) => {
    writing = writing.then(() => writeAll(handle, pieces, position));
    return writing;
  };
  let syncing: Promise<void> | undefined;
  // The disk is kept busy while the rest comes, so that there is little to wait for at the end. What fails is told there.
  const syncAhead = () => {
    syncing ??= handle
      .datasync()
      .catch(() => {})
      .finally(() => {
        syncing = undefined;
      });
  };
  try {
    await journal.writeFile(lines);
    await handle.truncate(size);
    for (let part = 0; part * partBytes < size; part++) {
      if (done.has(part)) continue;
      await pool.add(async () => {
        const start = part * partBytes;
        const source = exactly(item, start, Math.min(size, start + partBytes), buffers);
        await pourInto(source, { write, start, buffers, signal, onBytes });
        await journal.appendFile(`${part}\n`);
        syncAhead();
      });
    }
    await pool.drained();
  } finally {
    await pool.drained().catch(() => {});
    await syncing;
    await journal.close();
  }
}

/** As many bytes as were asked for, or a failure. */
async function* exactly(item: FileItem, start: number, end: number, buffers: Buffers): AsyncGenerator<Uint8Array> {
  let received = 0;
  for await (const chunk of item.open({ start, end }, buffers)) {
    received += chunk.length;
    if (received > end - start) break;
    yield chunk;
  }
  if (received === end - start) return;
  const reason = `${received} bytes came where ${end - start} were announced, from byte ${start} on`;
  throw failure('INPUT_TRUNCATED', { path: item.path, reason });
}
