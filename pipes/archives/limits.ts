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
  /** The bytes as they come out of that entry; `compressed` is what they were, where it is known. */
  bytes(source: AsyncIterable<Uint8Array>, name: string, compressed?: number): AsyncGenerator<Uint8Array>;
  /** The bytes of an archive that is compressed as a whole, as they go in. */
  input(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array>;
}

export function watchLimits(limits: Limits, archive: string): Watch {
  let entries = 0;
  let taken = 0;
  let given = 0;
  return {
    entry(name) {
      entries += 1;
      if (entries > limits.entries)
        throw unsafe(archive, name, `is one more than ${limits.entries}; \`max_entries\` allows more`);
    },
    async *bytes(source, name, compressed) {
      let size = 0;
      for await (const chunk of source) {
        size += chunk.length;
        given += chunk.length;
        if (given > limits.bytes) {
          throw unsafe(archive, name, `takes the archive over ${limits.bytes} bytes; \`max_bytes\` allows more`);
        }
        const before = compressed === undefined ? taken : compressed;
        const after = compressed === undefined ? given : size;
        if (before > 0 && after > before * limits.ratio) {
          throw unsafe(
            archive,
            name,
            `becomes over ${limits.ratio} times larger than it was; \`max_ratio\` allows more`,
          );
        }
        yield chunk;
      }
    },
    async *input(source) {
      for await (const chunk of source) {
        taken += chunk.length;
        yield chunk;
      }
    },
  };
}
