// Rows that the server refuses are told, and all others written: a part with such a row is cut until only it is left.
import type { Row } from '../../engine/contracts/data.ts';
import { Failure, failure } from '../../engine/errors.ts';
import { openCopyIn } from './copy-in.ts';
import { compileEncoder } from './encode.ts';
import { databaseFailure, type Place } from './errors.ts';
import type { Load, LoadParts } from './load.ts';
import { mergeOf, position, staging } from './staging.ts';

/** A row, and its number in the stream. */
interface Numbered {
  row: Row;
  position: number;
}

export function rejectingLoad({ session, place, target, o, inferred, sent }: LoadParts, statement: string): Load {
  const { client } = session;
  const encode = compileEncoder(target.pairs, { strict: inferred, where: place.shown, lossy: o.lossy === 'allow' });
  const merge = o.mode === 'upsert' ? mergeOf(session, target, o) : undefined;
  let taken = 0;
  /** Of the batch at hand, what the COPY has taken. */
  let copied: Numbered[] = [];
  let rejected = 0;

  const reject = async ({ row, position: at }: Numbered, refused: Failure) => {
    rejected++;
    await o.onReject!({ row, reason: reasonOf(refused), position: at });
  };

  /** What was refused, or undefined when it was done. Leaves no trace where it was not. */
  const attempt = async (work: () => Promise<unknown>, at: Place): Promise<Failure | undefined> => {
    await client.query('savepoint pipewright_part');
    try {
      await work();
    } catch (error) {
      const refused = databaseFailure(error, at);
      if (refused.code !== 'ROW_REFUSED') throw error;
      await client.query('rollback to savepoint pipewright_part; release savepoint pipewright_part');
      return refused;
    }
    await client.query('release savepoint pipewright_part');
    return undefined;
  };

  /** `before` is how many records came before the first of these. */
  const copy = async (rows: readonly Row[], before: number): Promise<Failure | undefined> => {
    let bytes: Uint8Array;
    try {
      bytes = encode(rows, before);
    } catch (error) {
      if (error instanceof Failure && error.code === 'VALUE_LOSSY' && error.data.position !== undefined) return error;
      throw error;
    }
    const send = async () => {
      const into = await openCopyIn(session, statement);
      await into.write(bytes);
      await into.end();
    };
    const refused = await attempt(send, { ...place, lines: 'record', before });
    if (refused === undefined) {
      sent.bytes += bytes.length;
      for (let i = 0; i < rows.length; i++) copied.push({ row: rows[i]!, position: before + i + 1 });
    }
    return refused;
  };

  const put = async (rows: readonly Row[], before: number): Promise<void> => {
    if (rows.length === 0) return;
    const refused = await copy(rows, before);
    if (refused === undefined) return;
    if (rows.length === 1) return reject({ row: rows[0]!, position: before + 1 }, refused);
    // Where the server tells the line, that one is known; what comes after it has not been looked at yet.
    let at = 0;
    const line = Number(refused.data.position) - before - 1;
    if (line >= 0 && line < rows.length) {
      const known = rejected;
      await put(rows.slice(0, line), before);
      // The row may have been refused for one before it that is gone now.
      if (rejected === known) await reject({ row: rows[line]!, position: before + line + 1 }, refused);
      else await put(rows.slice(line, line + 1), before + line);
      at = line + 1;
    }
    const middle = Math.ceil((at + rows.length) / 2);
    await put(rows.slice(at, middle), before + at);
    await put(rows.slice(middle), before + middle);
  };

  const putStaged = async (after: number, to: number): Promise<void> => {
    const refused = await attempt(() => merge!(after, to), place);
    if (refused === undefined) taken += to - after;
    else if (to - after === 1) await reject(copied[after]!, refused);
    else {
      const middle = Math.ceil((after + to) / 2);
      await putStaged(after, middle);
      await putStaged(middle, to);
    }
  };

  return {
    async take(rows) {
      if (rows.length === 0) return;
      const known = rejected;
      copied = [];
      await put(rows, sent.rows);
      if (merge === undefined) taken += copied.length;
      else if (copied.length > 0) {
        // A COPY that failed has used up numbers.
        if (rejected !== known) await client.query(renumber);
        await putStaged(0, copied.length);
        await client.query(`truncate ${staging} restart identity`);
      }
      sent.rows += rows.length;
      o.onProgress?.(sent);
    },
    async pass() {
      throw failure('BUG', { reason: 'bytes were passed to a write with `on_reject`' });
    },
    finish: async () => taken,
    // Its COPYs begin and end with a batch that is there.
    cancel: () => {},
  };
}

const renumber = `update ${staging} as row set ${position} = number from (
    select ctid as place, row_number() over (order by ${position}) as number from ${staging}) as numbered
  where row.ctid = place`;

/** Without the place, which stands beside it. */
function reasonOf({ code, data, message }: Failure): string {
  if (code === 'VALUE_LOSSY') return `${data.value} does not fit ${data.target} without loss`;
  const reason = String(data.reason ?? message);
  return data.column === undefined || reason.includes(`"${data.column}"`)
    ? reason
    : `column "${data.column}": ${reason}`;
}
