// What the server's packets hold: columns, the end of a statement, errors, and short rows as text.

/** A column of a result. https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response_text_resultset_column_definition.html */
export interface Field {
  name: string;
  charset: number;
  length: number;
  type: number;
  flags: number;
  decimals: number;
  /** What MariaDB says besides: `uuid`, `inet6`, or the format `json`. */
  extended?: string;
}

export interface Done {
  affected: number;
  warnings: number;
  /** Another result follows. */
  more?: boolean;
}

/** An error of the server, with its number and SQLSTATE. */
export interface ServerError extends Error {
  errno: number;
  sqlState: string;
}

export function errorOf(packet: Buffer): ServerError {
  const errno = packet.readUInt16LE(1);
  const marked = packet[3] === 35;
  const sqlState = marked ? packet.toString('latin1', 4, 9) : 'HY000';
  return Object.assign(new Error(packet.toString('utf8', marked ? 9 : 3)), { errno, sqlState });
}

/** Whether the packet ends the rows: an end, or an error. */
export function isEnd(bytes: Buffer, at: number, length: number): boolean {
  return (bytes[at] === 0xfe && length < 9) || (bytes[at] === 0xff && length > 0);
}

export function doneOf(packet: Buffer): Done {
  const read = reader(packet, 1);
  const affected = read.length();
  read.length();
  return { affected, warnings: packet.readUInt16LE(read.at() + 2), more: isMore(packet.readUInt16LE(read.at())) };
}

/** Of the end of rows: whether another result follows. */
export function endsWithMore(packet: Buffer): boolean {
  return isMore(packet.readUInt16LE(3));
}

function isMore(status: number): boolean {
  return (status & 8) !== 0;
}

export function fieldOf(packet: Buffer, extended: boolean): Field {
  const read = reader(packet, 0);
  for (let i = 0; i < 4; i++) read.text();
  const name = read.text();
  read.text();
  const more = extended ? extensionOf(read) : undefined;
  const at = read.at() + 1;
  return {
    name,
    charset: packet.readUInt16LE(at),
    length: packet.readUInt32LE(at + 2),
    type: packet[at + 6]!,
    flags: packet.readUInt16LE(at + 7),
    decimals: packet[at + 9]!,
    ...(more === undefined ? {} : { extended: more }),
  };
}

/** Pairs of a kind (0: type, 1: format) and its name. */
function extensionOf(read: ReturnType<typeof reader>): string | undefined {
  const length = read.length();
  const end = read.at() + length;
  let found: string | undefined;
  while (read.at() < end) {
    read.skip(1);
    found = read.text();
  }
  return found;
}

/** Rows of a few columns, all of them as text. */
export function textsOf(block: Buffer, columns: number, rows: (string | null)[][]): void {
  const read = reader(block, 0);
  while (read.at() < block.length) {
    read.skip(4);
    const row: (string | null)[] = [];
    for (let i = 0; i < columns; i++) row.push(read.nullOrText());
    rows.push(row);
  }
}

function reader(bytes: Buffer, start: number) {
  let at = start;
  const length = (): number => {
    const first = bytes[at++]!;
    if (first < 251) return first;
    const size = first === 0xfc ? 2 : first === 0xfd ? 3 : 8;
    const value = size === 8 ? Number(bytes.readBigUInt64LE(at)) : bytes.readUIntLE(at, size);
    at += size;
    return value;
  };
  const text = (): string => {
    const size = length();
    at += size;
    return bytes.toString('utf8', at - size, at);
  };
  return {
    at: () => at,
    skip(count: number) {
      at += count;
    },
    length,
    text,
    nullOrText(): string | null {
      if (bytes[at] !== 0xfb) return text();
      at++;
      return null;
    },
  };
}
