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
  const indent = style === 'block' ? blockIndent(raw) : 0;
  let at = style === 'plain' ? 0 : style === 'block' ? firstContent(raw, indent) : 1;
  let i = 0;
  while (i < value.length) {
    if (style === 'double') at = skipLineContinuation(raw, at);
    const breaks = breaksAt(raw, at, style);
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
    const { length, units } = style === 'double' && raw[at] === '\\' ? escapeAt(raw, at) : { length: width(raw, at, style), units: 1 };
    for (let n = 0; n < units && i < value.length; n++, i++) offsets.push(at);
    at += length;
  }
  offsets.push(Math.min(at, raw.length));
  return offsets;
}

const width = (raw: string, at: number, style: ScalarText['style']): number =>
  style === 'single' && raw[at] === "'" && raw[at + 1] === "'" ? 2 : 1;

const isBlank = (character: string): boolean => character === ' ' || character === '\n';

/** The line ends that begin at `at` (in flow scalars after blanks), and where the text goes on. */
function breaksAt(raw: string, at: number, style: ScalarText['style']): { ends: number[]; next: number } | undefined {
  const run = style === 'block' ? /(?:\r?\n[ ]*(?=\r?\n|$))*\r?\n/y : /[ \t]*\r?\n[ \t\r\n]*/y;
  run.lastIndex = at;
  const match = run.exec(raw);
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

function blockIndent(raw: string): number {
  const lines = raw.split('\n').slice(1);
  const explicit = /^[|>][+-]?([1-9])/.exec(raw);
  const indents = lines.filter((line) => line.trim() !== '').map((line) => /^ */.exec(line)![0].length);
  const first = indents[0] ?? 0;
  // With an explicit indentation the parent's is not known here; the least one of the text is right but for all-indented text.
  return explicit === null ? first : Math.min(...indents, Number.POSITIVE_INFINITY) === Number.POSITIVE_INFINITY ? 0 : Math.min(...indents);
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
