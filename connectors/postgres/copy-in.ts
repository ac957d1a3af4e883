// COPY FROM STDIN: bytes to the server, and which bytes it takes as they are.
import type { ClientBase } from 'pg';
import type { EncodedRows, Encoding } from '../../engine/contracts/data.ts';
import { quoteText } from '../shared/sql.ts';
import type { Session } from './connect.ts';
import { typesOf } from './copy.ts';
import type { Pair } from './encode.ts';
import { isBuiltIn } from './types.ts';

const chunkBytes = 64 * 1024;

/** When one of these fails, the session is ready for a rollback, or gone. */
export interface CopyIn {
  /** Resolves when more may come. */
  write(bytes: Uint8Array): Promise<void>;
  /** How many rows the server took. */
  end(): Promise<number>;
  /** Tells the server to forget the rows. */
  cancel(reason: unknown): void;
}

export async function openCopyIn({ client }: Session, statement: string): Promise<CopyIn> {
  const { from } = (await import('pg-copy-streams')).default;
  const copy = client.query(from(statement));
  let refused: { error: Error } | undefined;
  let wake = () => {};
  copy.on('drain', () => wake());
  copy.on('finish', () => wake());
  copy.on('error', (error) => {
    refused ??= { error };
    wake();
  });
  const woken = async () => {
    if (refused === undefined) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    if (refused !== undefined) throw refused.error;
  };
  return {
    async write(bytes) {
      for (let i = 0; i < bytes.length; i += chunkBytes) {
        if (refused !== undefined) throw refused.error;
        if (!copy.write(bytes.subarray(i, i + chunkBytes))) await woken();
      }
    },
    async end() {
      if (refused !== undefined) throw refused.error;
      copy.end();
      await woken();
      return copy.rowCount;
    },
    cancel(reason) {
      // One that has refused the rows has forgotten them.
      if (refused === undefined) copy.destroy(reason instanceof Error ? reason : new Error(String(reason)));
    },
  };
}

interface Driver {
  query(text: string): void;
  sendCopyFromChunk(chunk: Uint8Array): void;
  endCopyFrom(): void;
}

/**
 * Statements with a COPY for each of the parts, all in one round trip: the server drops the bytes of what it does not come
 * to. How many COPYs were done, and the server's error, after which the transaction can only go back.
 */
export function copyAtOnce(
  client: ClientBase,
  statements: string,
  parts: readonly Uint8Array[],
): Promise<{ copies: number; error?: Error }> {
  return new Promise((resolve) => {
    let copies = 0;
    const query = {
      submit(connection: Driver) {
        connection.query(statements);
        for (const part of parts) {
          connection.sendCopyFromChunk(part);
          connection.endCopyFrom();
        }
      },
      handleCopyInResponse() {},
      handleCommandComplete({ text }: { text: string }) {
        if (text.startsWith('COPY ')) copies++;
      },
      handleError: (error: Error) => resolve({ copies, error }),
      handleReadyForQuery: () => resolve({ copies }),
    };
    client.query(query as never);
  });
}

/** Whether the server takes a line of `\.` in CSV for the end of the data. */
export function endsAtMark(version: number): boolean {
  return version < 180_000;
}

/** The encodings that the server reads as they are. */
export function acceptedEncodings(pairs: readonly Pair[], version: number): Encoding[] {
  const accepts: Encoding[] = [];
  if (pairs.every(({ from, to }) => from.native !== undefined && from.native === to.native)) {
    const types = typesOf(pairs.map(({ to }) => to));
    if (pairs.every(({ to }) => isBuiltIn(to.native))) accepts.push({ name: 'pgcopy-binary', options: { types } });
    else accepts.push({ name: 'pgcopy-text', options: { types } });
  }
  // Before 18 a line of `\.` ended the data, which is a record of one column.
  if (!endsAtMark(version) || pairs.length > 1) {
    for (const delimiter of [',', ';', '\t', '|']) accepts.push({ name: 'csv', options: { delimiter } });
  }
  return accepts;
}

/** What follows `copy … from stdin`. */
export function copyOptions({ encoding: { name, options = {} } }: EncodedRows): string {
  if (name === 'pgcopy-text') return '';
  if (name === 'pgcopy-binary') return '(format binary)';
  const defaults = { delimiter: ',', quote: '"', escape: '"', null: '' };
  const dialect = Object.keys(defaults).map((option) => [
    option,
    options[option] ?? defaults[option as keyof typeof defaults],
  ]);
  return `(format csv, ${dialect.map(([option, value]) => `${option} ${quoteText(String(value))}`).join(', ')})`;
}
