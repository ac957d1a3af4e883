// Whether a file at the target is the one of the source: by size and time, or by checksum.
import { createHash } from 'node:crypto';
import type { CallOptions, Entry } from '../../engine/contracts/connector.ts';
import type { FileItem } from '../../engine/contracts/data.ts';
import type { CopyTask } from '../../schemas/generated/types.ts';

/** What is known of a file at the target. */
export type Existing = Pick<Entry, 'size' | 'modified' | 'md5'> & { open(): AsyncIterable<Uint8Array> };

/** Whether the file can be left alone. */
export async function isSkipped(
  file: FileItem,
  existing: Existing | undefined,
  { skip, compare = 'modified' }: Pick<CopyTask, 'skip' | 'compare'>,
  o: CallOptions,
): Promise<boolean> {
  if (skip === undefined || existing === undefined) return false;
  if (skip === 'exists') return true;
  const [theirs, ours] = [timeOf(existing.modified), timeOf(file.modified)];
  if (skip === 'newer') return theirs > ours;
  if (file.size === undefined || file.size !== existing.size) return false;
  if (compare === 'checksum') return hasSameBytes(file, existing, o);
  // Stores set the time themselves: what was copied is as new as the source, or newer.
  return theirs >= ours;
}

/** No time is before and after none. */
function timeOf(time: string | undefined): number {
  return time === undefined ? Number.NaN : Date.parse(time);
}

/** By what the stores tell, and where that differs or is not told, by reading both. `known`: the file's own MD5. */
export async function hasSameBytes(
  file: FileItem,
  existing: Existing,
  { signal }: CallOptions,
  known: string | undefined = file.md5,
): Promise<boolean> {
  if (known !== undefined && known === existing.md5) return true;
  if (existing.md5 !== undefined) {
    const ours = await md5Of(file.open(), signal);
    // Not every store's MD5 is one: where it encrypts, it may be about something else.
    if (ours === existing.md5) return true;
    return ours === (await md5Of(existing.open(), signal));
  }
  const [ours, theirs] = await Promise.all([
    known !== undefined && known !== file.md5 ? known : md5Of(file.open(), signal),
    md5Of(existing.open(), signal),
  ]);
  return ours === theirs;
}

async function md5Of(bytes: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<string> {
  const hash = createHash('md5');
  for await (const chunk of bytes) {
    signal.throwIfAborted();
    hash.update(chunk);
  }
  return hash.digest('hex');
}
