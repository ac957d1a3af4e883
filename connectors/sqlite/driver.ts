// The driver, loaded when a file is first opened, and what it must be kept from: it ends the process on a value that it
// does not know and on text that is not UTF-8, and it cuts text off at a NUL.
import type Database from 'libsql';

/** What a statement can be given. */
export type Bound = null | bigint | number | string | Uint8Array;

/** What comes back: integers as bigint. Text only from where it is known to be plain; see `guarded`. */
export type Raw = null | bigint | number | string | Buffer;

export interface Statement {
  /** It gives rows. */
  readonly reader: boolean;
  run(values: readonly Bound[]): void;
  /** Holds a lock on the file until its last row, or until `end` of the handle. */
  iterate(values: readonly Bound[]): Iterator<Raw[]>;
  columns(): { name: string; type: string | null }[];
}

export interface Handle {
  readonly encoding: Encoding;
  exec(sql: string): void;
  prepare(sql: string): Statement;
  all(sql: string, ...values: Bound[]): Raw[][];
  inTransaction(): boolean;
  /** Undoes what is open, ends every read, and closes the file. Never fails. */
  end(): void;
}

export type Encoding = 'UTF-8' | 'UTF-16le' | 'UTF-16be';

/** `mode`: `ro`, `rw`, or `rwc`, which makes the file. Throws the driver's errors. */
export async function openHandle(path: string, mode: 'ro' | 'rw' | 'rwc'): Promise<Handle> {
  const { default: Driver } = await import('libsql');
  // The driver passes over its own options for this; SQLite reads them from the URI.
  const escaped = path.replace(/[%?#]/g, encodeURIComponent);
  const database = new Driver(`file:${escaped}?mode=${mode}`);
  const reading = new Set<Iterator<Raw[]>>();
  const all = (sql: string, ...values: Bound[]) =>
    (database.prepare(sql) as Database.Statement).raw().safeIntegers().all(values) as Raw[][];
  const encoding = (): Encoding => all('pragma encoding')[0]![0] as Encoding;
  let known: Encoding | undefined;
  return {
    get encoding() {
      known ??= encoding();
      return known;
    },
    exec: (sql) => void database.exec(sql),
    prepare(sql) {
      const statement = database.prepare(sql) as Database.Statement;
      if (statement.reader) statement.raw().safeIntegers();
      return {
        reader: statement.reader,
        run: (values) => void statement.run(values as Bound[]),
        iterate(values) {
          const rows = statement.iterate(values as Bound[]) as Iterator<Raw[]>;
          reading.add(rows);
          return {
            next() {
              const next = rows.next();
              if (next.done) reading.delete(rows);
              return next;
            },
          };
        },
        columns: () => statement.columns(),
      };
    },
    all,
    inTransaction: () => database.inTransaction,
    end() {
      // A statement that is left half-way keeps its lock even after `close`, until it is collected.
      for (const rows of reading) {
        (database as unknown as { interrupt(): void }).interrupt();
        try {
          while (!rows.next().done);
        } catch {
          // Interrupted, as it should be.
        }
      }
      reading.clear();
      try {
        if (database.inTransaction) database.exec('rollback');
      } catch {
        // The file is given up either way.
      }
      database.close();
    },
  };
}

/** Any character but those of ASCII without NUL. */
const notPlain = `'*[^\x01-\x7f]*'`;

/**
 * The column so that the driver can take it: plain text as it is, and any other text and bytes as bytes behind a mark
 * of their own, `t` or `b`, which `textOf` and `bytesOf` read. `mayBePlain`: most of its values are text.
 */
export function guarded(name: string, encoding: Encoding, mayBePlain: boolean): string {
  const marked = `cast(substr(typeof(${name}), 1, 1) || ${name} as blob)`;
  const compared = `${name} collate binary`;
  if (!mayBePlain || encoding !== 'UTF-8') return `case when ${compared} >= '' then ${marked} else ${name} end`;
  const odd = `${name} glob ${notPlain} or length(${name}) <> octet_length(${name}) or ${compared} >= x''`;
  return `case when ${odd} then ${marked} else ${name} end`;
}

const decoders: Record<Encoding, (bytes: Buffer) => string | undefined> = {
  'UTF-8': utf8Text,
  'UTF-16le': (bytes) => utf16Text(bytes),
  'UTF-16be': (bytes) => utf16Text(Buffer.from(bytes).swap16()),
};

function utf8Text(bytes: Buffer): string | undefined {
  const text = bytes.toString('utf8');
  return text.includes('\ufffd') && !Buffer.from(text).equals(bytes) ? undefined : text;
}

function utf16Text(bytes: Buffer): string | undefined {
  const text = bytes.toString('utf16le');
  return text.isWellFormed() ? text : undefined;
}

const markLength: Record<Encoding, number> = { 'UTF-8': 1, 'UTF-16le': 2, 'UTF-16be': 2 };

export function isText(value: Buffer, encoding: Encoding): boolean {
  return value[encoding === 'UTF-16be' ? 1 : 0] === 0x74;
}

/** The text of a marked value; undefined where its bytes are none. */
export function textOf(value: Buffer, encoding: Encoding): string | undefined {
  return decoders[encoding](value.subarray(markLength[encoding]));
}

export function bytesOf(value: Buffer, encoding: Encoding): Buffer {
  return value.subarray(markLength[encoding]);
}

/** Of the catalogue's own texts, which come as bytes without a mark. */
export function nameOf(value: Raw, encoding: Encoding): string {
  if (!Buffer.isBuffer(value)) return value === null ? '' : String(value);
  return decoders[encoding](value) ?? value.toString('latin1');
}
