// What an archive from elsewhere may be: names that stay inside, and no more bytes than were allowed.
import { type Failure, failure } from '../../engine/errors.ts';

export interface Limits {
  entries: number;
  bytes: number;
  /** How many times larger than it was an entry, or all of them, may become. */
  ratio: number;
}

/** The name of a file inside an archive that may be used as a path. Fails with ARCHIVE_UNSAFE. */
export function safeName(raw: string, archive: string): string {
  const name = raw.replaceAll('\\', '/');
  const reason = reasonAgainst(name);
  if (reason !== undefined) throw unsafe(archive, raw, reason);
  return name
    .split('/')
    .filter((part) => part !== '.' && part !== '')
    .join('/');
}

/** Fails with ARCHIVE_UNSAFE for a name that nobody should have to take out of an archive. */
export function checkName(name: string, archive: string): void {
  const reason = reasonAgainst(name);
  if (reason !== undefined) throw unsafe(archive, name, reason);
}

function reasonAgainst(name: string): string | undefined {
  if (name === '') return 'has no name';
  if (name.includes('\0')) return 'has a NUL character in its name';
  if (name.startsWith('/') || /^[A-Za-z]:/.test(name)) return 'has an absolute path';
  if (name.split('/').includes('..')) return 'leads out of the archive with ".."';
  return undefined;
}

export function unsafe(archive: string, entry: string, reason: string): Failure {
  return failure('ARCHIVE_UNSAFE', { path: archive, entry: entry.replaceAll('\0', '␀'), reason });
}

/** Counts what comes out of one archive, against what went in. */
export interface Watch {
  /** Another entry begins. */
  entry(name: string): void;
  /** What went in: the compressed bytes. */
  input(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array>;
  /** What came out of them. */
  output(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array>;
}

export function watchLimits(limits: Limits, archive: string): Watch {
  let current = '';
  let entries = 0;
  let taken = 0;
  let given = 0;
  return {
    entry(name) {
      current = name;
      entries += 1;
      if (entries > limits.entries)
        throw unsafe(archive, name, `is one more than ${limits.entries}; \`max_entries\` allows more`);
    },
    async *input(source) {
      for await (const chunk of source) {
        taken += chunk.length;
        yield chunk;
      }
    },
    async *output(source) {
      for await (const chunk of source) {
        given += chunk.length;
        if (given > limits.bytes) throw tooLarge(archive, current, limits);
        if (taken > 0 && given > taken * limits.ratio) throw tooDense(archive, current, limits);
        yield chunk;
      }
    },
  };
}

export function tooLarge(archive: string, entry: string, { bytes }: Limits): Failure {
  return unsafe(archive, entry, `takes the archive over ${bytes} bytes; \`max_bytes\` allows more`);
}

export function tooDense(archive: string, entry: string, { ratio }: Limits): Failure {
  return unsafe(archive, entry, `becomes over ${ratio} times larger than it was; \`max_ratio\` allows more`);
}
