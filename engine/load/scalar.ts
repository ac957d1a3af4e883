// Offsets inside a scalar's value as offsets in the file: quotes, escapes, folded lines and block indentation undone.

export interface ScalarText {
  /** As the document has it, with its quotes or its block header. */
  raw: string;
  /** What it means. */
  value: string;
  style: 'plain' | 'single' | 'double' | 'block';
}

/**
 * For each UTF-16 unit of the value, and for the place after the last one, the offset inside `raw` where it comes from.
 * YAML 1.2.2, chapters 7.3 (flow scalars) and 8.1 (block scalars).
 */
export function scalarOffsets({ raw, value, style }: ScalarText): number[] {
  const offsets: number[] = [];
  const indent = style === 'block' ? blockIndent(raw, value) : 0;
  // In a block, a line with more blanks than the indentation is text; in flow scalars blanks around line ends are not.
  const lineEnds =
    style === 'block' ? new RegExp(`(?:\\r?\\n {0,${indent}}(?=\\r?\\n|$))*\\r?\\n`, 'y') : /[ \t]*\r?\n[ \t\r\n]*/y;
  let at = style === 'plain' ? 0 : style === 'block' ? firstContent(raw, indent) : 1;
  let i = 0;
  while (i < value.length) {
    if (style === 'double') at = skipLineContinuation(raw, at);
    const breaks = breaksAt(raw, at, lineEnds);
    if (breaks !== undefined && isBlank(value[i]!)) {
      // Either every line end stands for itself, or the first one of a run was folded away; a single one became a space.
      let run = 1;
      if (value[i] === '\n') while (value[i + run] === '\n') run++;
      const ends = breaks.ends.slice(Math.max(0, breaks.ends.length - run));
      for (let n = 0; n < run; n++) offsets.push(ends[Math.min(n, ends.length - 1)]!);
      i += run;
      at = style === 'block' ? skipIndent(raw, breaks.next, indent) : breaks.next;
      continue;
    }
    const { length, units } =
      style === 'double' && raw[at] === '\\' ? escapeAt(raw, at) : { length: width(raw, at, style), units: 1 };
    for (let n = 0; n < units && i < value.length; n++, i++) offsets.push(at);
    at += length;
  }
  offsets.push(Math.min(at, raw.length));
  return offsets;
}

const width = (raw: string, at: number, style: ScalarText['style']): number =>
  style === 'single' && raw[at] === "'" && raw[at + 1] === "'" ? 2 : 1;

const isBlank = (character: string): boolean => character === ' ' || character === '\n';

/** The line ends that begin at `at`, and where the text goes on. */
function breaksAt(raw: string, at: number, lineEnds: RegExp): { ends: number[]; next: number } | undefined {
  lineEnds.lastIndex = at;
  const match = lineEnds.exec(raw);
  if (match === null) return undefined;
  const ends: number[] = [];
  for (let n = 0; n < match[0].length; n++) if (match[0][n] === '\n') ends.push(at + n);
  return { ends, next: at + match[0].length };
}

/** A backslash before a line end takes the line end, and the blanks of the next line, away. */
function skipLineContinuation(raw: string, at: number): number {
  const continuation = /\\\r?\n[ \t\r\n]*/y;
  continuation.lastIndex = at;
  return at + (continuation.exec(raw)?.[0].length ?? 0);
}

function escapeAt(raw: string, at: number): { length: number; units: number } {
  const digits = { x: 2, u: 4, U: 8 }[raw[at + 1] ?? ''];
  if (digits === undefined) return { length: 2, units: 1 };
  const code = Number.parseInt(raw.slice(at + 2, at + 2 + digits), 16);
  return { length: 2 + digits, units: code > 0xffff ? 2 : 1 };
}

/** What every line of a block is indented by: the blanks before its first text in the file less those in the value. */
function blockIndent(raw: string, value: string): number {
  const inFile = /\n( *)[^ \r\n]/.exec(raw)?.[1]?.length ?? 0;
  const inValue = /(?:^|\n)( *)[^ \n]/.exec(value)?.[1]?.length ?? 0;
  return Math.max(0, inFile - inValue);
}

function firstContent(raw: string, indent: number): number {
  const header = raw.indexOf('\n');
  return header < 0 ? raw.length : skipIndent(raw, header + 1, indent);
}

function skipIndent(raw: string, at: number, indent: number): number {
  let to = at;
  while (to < at + indent && raw[to] === ' ') to++;
  return to;
}
