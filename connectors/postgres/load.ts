// The rows of one transaction: into the table, or into a staging table and from there.
import type { WriteOptions } from '../../engine/contracts/connector.ts';
import type { EncodedRows, Row } from '../../engine/contracts/data.ts';
import { quoteName } from '../shared/sql.ts';
import { quoted } from './catalog.ts';
import type { Session } from './connect.ts';
import { type CopyIn, copyOptions, endsAtMark, openCopyIn } from './copy-in.ts';
import { withoutEndMark } from './csv-end.ts';
import { guardedCsv } from './csv-guard.ts';
import { compileEncoder } from './encode.ts';
import { located, type Place } from './errors.ts';
import { rejectingLoad } from './reject.ts';
import { clear, makeStaging, mergeAll, staging } from './staging.ts';
import type { WriteTarget } from './target.ts';

/** What the write has sent so far, over all its transactions. */
export interface Sent {
  rows: number;
  bytes: number;
}

export interface Load {
  take(rows: readonly Row[]): Promise<void>;
  /** In place of rows. */
  pass(encoded: EncodedRows): Promise<void>;
  /** Everything is in the table, as far as this transaction sees. How many rows it took. */
  finish(): Promise<number>;
  /** The work that gives rows has failed. */
  cancel(reason: unknown): void;
}

export interface LoadParts {
  session: Session;
  place: Place;
  target: WriteTarget;
  o: WriteOptions;
  /** The columns were told from the first rows. */
  inferred: boolean;
  sent: Sent;
}

export async function openLoad(parts: LoadParts): Promise<Load> {
  const { session, target, o } = parts;
  // Where rows may be rejected, a table that is replaced is emptied first and takes its rows one part after the other.
  const replaces = o.mode === 'replace' && !target.made;
  const staged = o.mode === 'upsert' || (replaces && o.onReject === undefined);
  if (staged) await makeStaging(session, target, o);
  if (o.onReject !== undefined) {
    if (replaces) await clear(session.client, target.table);
    return rejectingLoad(parts, copyInto(target, staged));
  }
  return copyLoad(parts, copyInto(target, staged), staged);
}

function copyInto({ table, pairs }: WriteTarget, staged: boolean): string {
  const list = pairs.map(({ to }) => quoteName(to.name)).join(', ');
  return `copy ${staged ? staging : quoted(table)} (${list}) from stdin`;
}

/** One COPY for all rows. The first one that is refused fails it. */
function copyLoad(parts: LoadParts, statement: string, staged: boolean): Load {
  const { session, place, target, o, inferred, sent } = parts;
  const before = sent.rows;
  const at: Place = { ...place, lines: 'record', before };
  const encode = compileEncoder(target.pairs, { strict: inferred, where: at.shown, lossy: o.lossy === 'allow' });
  let copy: CopyIn | undefined;
  return {
    async take(rows) {
      if (rows.length === 0) return;
      const bytes = encode(rows, sent.rows);
      copy ??= await openCopyIn(session, statement);
      await copy.write(bytes).catch(located(at));
      sent.rows += rows.length;
      sent.bytes += bytes.length;
      o.onProgress?.(sent);
    },
    async pass(encoded) {
      if (encoded.encoding.name === 'csv') at.lines = 'line';
      copy = await openCopyIn(session, `${statement} ${copyOptions(encoded)}`);
      const isCsv = encoded.encoding.name === 'csv';
      const guarded = isCsv && o.lossy !== 'allow';
      const checked = guarded ? guardedCsv(encoded, target.pairs, at.shown) : encoded.chunks;
      const whole = isCsv && endsAtMark(session.version) ? withoutEndMark(checked, at.shown) : checked;
      for await (const chunk of whole) {
        await copy.write(chunk).catch(located(at));
        sent.bytes += chunk.length;
        o.onProgress?.({ bytes: sent.bytes });
      }
    },
    async finish() {
      const rows = (await copy?.end().catch(located(at))) ?? 0;
      sent.rows = before + rows;
      o.onProgress?.(sent);
      if (staged) await mergeAll(session, at, target, o, { rows, before });
      return rows;
    },
    cancel: (reason) => copy?.cancel(reason),
  };
}
