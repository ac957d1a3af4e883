// Row packets of the text protocol to rows, by a function written for the columns at hand.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response_text_resultset_row.html
import { isAscii } from 'node:buffer';
import type { Column, Row, Value } from '../../engine/contracts/data.ts';
import { type Decoder, decoderOf } from './values.ts';

const batchBytes = 768 * 1024;
const batchRows = 8192;

/** Rows of a block of whole packets. `text` is the block in Latin-1, so that a place is the same in both. */
type Rows = (bytes: Buffer, text: string, ascii: boolean, rows: Row[]) => Value[];

export interface Decoded {
  rows: Row[];
  /** The values of the added columns in the last row. */
  last?: Value[];
}

/**
 * Batches of about 768 KiB of packets, or of one longer row. `added`: columns after the others that get into no row; with
 * them a batch is never cut.
 */
export async function* decodeRows(
  blocks: AsyncIterable<Buffer>,
  columns: readonly Column[],
  added: readonly Column[] = [],
): AsyncGenerator<Decoded> {
  const decode = compileRows(columns, added);
  let rows: Row[] = [];
  let bytes = 0;
  let last: Value[] = [];
  const ended = (): Decoded => (added.length === 0 ? { rows } : { rows, last });
  for await (const block of blocks) {
    last = decode(block, block.toString('latin1'), isAscii(block), rows);
    bytes += block.length;
    if (bytes < batchBytes && rows.length < batchRows) continue;
    if (added.length > 0 || rows.length <= batchRows) yield ended();
    else for (let at = 0; at < rows.length; at += batchRows) yield { rows: rows.slice(at, at + batchRows) };
    rows = [];
    bytes = 0;
  }
  if (rows.length > 0) yield ended();
}

/**
 * Writes the loop over the packets as one function. Each field is a length and its bytes; numbers are read from the
 * bytes, text is cut out of the block's. Of the columns only their number, order and quoted names get into the text.
 */
function compileRows(columns: readonly Column[], added: readonly Column[]): Rows {
  const all = [...columns, ...added];
  const decoders: (Decoder | undefined)[] = all.map(decoderOf);
  const body = all.map((column, i) => {
    const decode = decoders[i];
    const read = (): string => {
      if (decode?.bytes !== undefined) return `v${i} = d${i}.bytes(bytes, at, end);`;
      if (decode?.text !== undefined) return `v${i} = d${i}.text(${decode.ascii ? 'text.slice(at, end)' : 'cut()'});`;
      if (column.type === 'integer') {
        return `
          if (n < 16) {
            let i = at, sum = 0;
            const minus = bytes[at] === 45;
            if (minus) i++;
            for (; i < end; i++) sum = sum * 10 + (bytes[i] - 48);
            v${i} = minus && sum !== 0 ? -sum : sum;
          } else v${i} = large(text.slice(at, end));`;
      }
      const plain = ['decimal', 'date', 'time', 'uuid'].includes(column.type);
      return `v${i} = ${plain ? 'text.slice(at, end)' : 'ascii || isPlain(bytes, at, end) ? text.slice(at, end) : bytes.utf8Slice(at, end)'};`;
    };
    return `
      v${i} = null;
      n = bytes[at++];
      if (n !== 251) {
        if (n > 251) {
          if (n === 252) { n = bytes[at] | bytes[at + 1] << 8; at += 2; }
          else if (n === 253) { n = bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16; at += 3; }
          else { n = Number(bytes.readBigUInt64LE(at)); at += 8; }
        }
        end = at + n;
        ${read().replaceAll('cut()', '(ascii || isPlain(bytes, at, end) ? text.slice(at, end) : bytes.utf8Slice(at, end))')}
        at = end;
      }`;
  });
  const fields = columns.map(
    ({ name }, i) => `${name === '__proto__' ? '["__proto__"]' : JSON.stringify(name)}: v${i}`,
  );
  const source = `return function decode(bytes, text, ascii, rows) {
    let at = 0, end = 0, n = 0;
    let ${all.map((_, i) => `v${i} = null`).join(', ') || 'none'};
    while (at < bytes.length) {
      at += 4;${body.join('')}
      rows.push({ ${fields.join(', ')} });
    }
    return [${added.map((_, i) => `v${columns.length + i}`).join(', ')}];
  }`;
  const names = decoders.map((_, i) => `d${i}`);
  return new Function('large', 'isPlain', ...names, source)(large, isPlain, ...decoders) as Rows;
}

function large(text: string): number | bigint {
  const value = BigInt(text);
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
}

function isPlain(bytes: Buffer, at: number, end: number): boolean {
  for (let i = at; i < end; i++) if (bytes[i]! > 127) return false;
  return true;
}
