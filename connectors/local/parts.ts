// A large file written in several ranges at once, and the journal by which a later run goes on where a killed one was.
import { createHash } from 'node:crypto';
import { type FileHandle, open, readdir, readFile, stat, unlink } from 'node:fs/promises';
import { hostname, uptime } from 'node:os';
import { dirname, join } from 'node:path';
import type { Parts } from '../../engine/contracts/connector.ts';
import type { FileItem } from '../../engine/contracts/data.ts';
import { failure } from '../../engine/errors.ts';
import { hiddenName, isRunning } from '../shared/leftovers.ts';
import { createPool } from '../shared/pool.ts';

/** So much goes to the disk in one call. */
const writeBytes = 1024 * 1024;
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
        await pourRange(handle, item, part * partBytes, Math.min(size, (part + 1) * partBytes), signal, onBytes);
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

async function pourRange(
  handle: FileHandle,
  item: FileItem,
  start: number,
  end: number,
  signal: AbortSignal,
  onBytes: (count: number) => void,
): Promise<void> {
  let at = start;
  let pieces: Uint8Array[] = [];
  let waiting = 0;
  const flush = async () => {
    const bytes = pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
    const from = at;
    at += waiting;
    pieces = [];
    waiting = 0;
    for (let done = 0; done < bytes.length; ) {
      done += (await handle.write(bytes, done, bytes.length - done, from + done)).bytesWritten;
    }
    onBytes(bytes.length);
  };
  for await (const chunk of item.open({ start, end })) {
    signal.throwIfAborted();
    pieces.push(chunk);
    waiting += chunk.length;
    if (at + waiting > end) break;
    if (waiting >= writeBytes) await flush();
  }
  signal.throwIfAborted();
  if (at + waiting !== end) {
    const reason = `${at + waiting - start} bytes came where ${end - start} were announced, from byte ${start} on`;
    throw failure('INPUT_TRUNCATED', { path: item.path, reason });
  }
  if (waiting > 0) await flush();
}
