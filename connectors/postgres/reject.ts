// Rows that the server refuses are told, and all others written: where it names the line, what stands before that is
// copied again and the rest after it; else a part is cut until only such a row is left.
import type { Row } from '../../engine/contracts/data.ts';
import { Failure, failure } from '../../engine/errors.ts';
import { copyAtOnce } from './copy-in.ts';
import { compileEncoder } from './encode.ts';
import { databaseFailure, type Place } from './errors.ts';
import type { Load, LoadParts } from './load.ts';
import { mergeOf, position, staging } from './staging.ts';

/** The rows of a batch that can be encoded, with their numbers in the stream, and where their lines begin and the last one ends. */
interface Lines {
  rows: Row[];
  positions: number[];
  bytes: Buffer;
  starts: number[];
}

interface Refused {
  row: Row;
  position: number;
  failure: Failure;
}

/** So many lines are tried behind one that was refused; twice as many after each try that was not. */
const fewestLines = 16;

const savepoint = 'savepoint pipewright_part';
const release = `release ${savepoint}`;
const undo = `rollback to ${savepoint}; ${release}`;

/** From a line to before another. */
type Part = readonly [from: number, to: number];

export function rejectingLoad({ session, place, target, o, inferred, sent }: LoadParts, statement: string): Load {
  const { client } = session;
  const encode = compileEncoder(target.pairs, { strict: inferred, where: place.shown, lossy: o.lossy === 'allow' });
  const merge = o.mode === 'upsert' ? mergeOf(session, target, o) : undefined;
  const at: Place = { ...place, lines: 'record', before: 0 };
  let taken = 0;
  let refused: Refused[] = [];
  /** Of the batch at hand, what the COPY has taken: indexes of its lines. */
  let copied: number[] = [];

  const linesOf = (rows: readonly Row[], before: number): Lines => {
    const lines: Lines = { rows: [], positions: [], bytes: Buffer.alloc(0), starts: [] };
    const pieces: Buffer[] = [];
    const put = (from: number, to: number) => {
      pieces.push(encode(rows.slice(from, to), before + from));
      for (let i = from; i < to; i++) {
        lines.rows.push(rows[i]!);
        lines.positions.push(before + i + 1);
      }
    };
    for (let from = 0; from < rows.length; ) {
      try {
        put(from, rows.length);
        break;
      } catch (error) {
        const isLoss = error instanceof Failure && error.code === 'VALUE_LOSSY' && error.data.position !== undefined;
        if (!isLoss) throw error;
        const wrong = Number(error.data.position) - before - 1;
        if (wrong > from) put(from, wrong);
        refused.push({ row: rows[wrong]!, position: before + wrong + 1, failure: error });
        from = wrong + 1;
      }
    }
    lines.bytes = pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
    lines.starts.push(0);
    for (let end = lines.bytes.indexOf(10); end >= 0; end = lines.bytes.indexOf(10, end + 1))
      lines.starts.push(end + 1);
    return lines;
  };

  /** What has failed is undone together with what comes next, in one round trip. */
  let failed = false;
  const undone = async () => {
    if (failed) await client.query(undo);
    failed = false;
  };
  const isOfRow = (error: unknown, where: Place): Failure => {
    const found = databaseFailure(error, where);
    if (found.code !== 'ROW_REFUSED') throw error;
    failed = true;
    return found;
  };

  /** Copies one part after the other, up to one with a row that is refused. How many, and what the server has said. */
  const copy = async ({ bytes, starts }: Lines, parts: readonly Part[]): Promise<{ done: number; found?: Failure }> => {
    const slices = parts.map(([from, to]) => bytes.subarray(starts[from], starts[to]));
    const one = `${savepoint}; ${statement}; ${release}`;
    const text = (failed ? `${undo}; ` : '') + slices.map(() => one).join('; ');
    failed = false;
    const { copies: done, error } = await copyAtOnce(client, text, slices);
    for (const [n, [from, to]] of parts.slice(0, done).entries()) {
      sent.bytes += slices[n]!.length;
      for (let i = from; i < to; i++) copied.push(i);
    }
    return error === undefined ? { done } : { done, found: isOfRow(error, at) };
  };

  const reject = (lines: Lines, i: number, found: Failure) =>
    void refused.push({ row: lines.rows[i]!, position: lines.positions[i]!, failure: found });

  /** Copies what can be. */
  const put = async (lines: Lines, from: number, to: number): Promise<void> => {
    let next = from;
    let count = to - from;
    /** One that was refused, and those before it that were undone with it. */
    let wrong: { part: Part; found: Failure } | undefined;
    while (next < to || wrong !== undefined) {
      const first: Part[] = wrong === undefined ? [] : [wrong.part];
      const rest: Part[] = next < to ? [[next, Math.min(next + count, to)]] : [];
      const { done, found } = await copy(lines, [...first, ...rest]);
      if (wrong !== undefined) {
        const { part, found: before } = wrong;
        wrong = undefined;
        if (done > 0) reject(lines, part[1], before);
        else {
          // It may have been refused for one before it that is gone now.
          await halves(lines, part);
          await put(lines, part[1], part[1] + 1);
          continue;
        }
      }
      if (rest.length === 0) continue;
      const [start, end] = rest[0]!;
      if (found === undefined) {
        next = end;
        count *= 2;
        continue;
      }
      const line = Number(found.data.position) - 1;
      if (line === 0 || end - start === 1) reject(lines, start, found);
      else if (line > 0 && line < end - start) wrong = { part: [start, start + line], found };
      else await halves(lines, [start, end]);
      next = line >= 0 && line < end - start ? start + line + 1 : end;
      // Behind one there are often others: what is sent with them would be read in vain.
      count = fewestLines;
    }
  };

  const halves = async (lines: Lines, [from, to]: Part): Promise<void> => {
    const middle = (from + to) >> 1;
    if (middle > from) await put(lines, from, middle);
    await put(lines, middle, to);
  };

  const putStaged = async (lines: Lines, after: number, to: number): Promise<void> => {
    await undone();
    let found: Failure | undefined;
    try {
      await client.query(savepoint);
      await merge!(after, to);
      await client.query(release);
    } catch (error) {
      found = isOfRow(error, place);
    }
    if (found === undefined) taken += to - after;
    else if (to - after === 1) reject(lines, copied[after]!, found);
    else {
      const middle = (after + to + 1) >> 1;
      await putStaged(lines, after, middle);
      await putStaged(lines, middle, to);
    }
  };

  return {
    async take(rows) {
      if (rows.length === 0) return;
      refused = [];
      copied = [];
      const lines = linesOf(rows, sent.rows);
      const lossy = refused.length;
      await put(lines, 0, lines.rows.length);
      await undone();
      if (merge === undefined) taken += copied.length;
      else if (copied.length > 0) {
        // A COPY that failed has used up numbers.
        if (refused.length !== lossy) await client.query(renumber);
        await putStaged(lines, 0, copied.length);
        await undone();
        await client.query(`truncate ${staging} restart identity`);
      }
      refused.sort((a, b) => a.position - b.position);
      for (const { row, position: place, failure: found } of refused) {
        await o.onReject!({ row, reason: reasonOf(found), position: place });
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
