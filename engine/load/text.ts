// The text of a file as lines: offsets to line and column, lines for display with secrets hidden.
import { looksSecret } from '../secret-names.ts';

/** A stretch of one line. Lines and columns count from 1, columns in UTF-16 units; `endCol` is exclusive. */
export interface Place {
  line: number;
  col: number;
  endCol: number;
}

export interface Lines {
  /** A range of offsets as a place; one that goes over several lines ends with its first line. */
  place(start: number, end: number): Place;
  /** The line without its line end, hidden ranges as `•`; undefined past the last. */
  line(number: number): string | undefined;
  /** Hides a range of offsets from `line`. */
  hide(start: number, end: number): void;
}

export function createLines(text: string): Lines {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  /** The hidden ranges of each line, from 0. */
  const hidden = new Map<number, { start: number; end: number }[]>();

  /** The line that was asked for last: several mistakes of one long line are shown one after the other. */
  let last: { number: number; shown: string } | undefined;

  const lineOf = (offset: number): number => {
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  };
  const endOf = (line: number): number => {
    const next = starts[line + 1];
    if (next === undefined) return text.length;
    return text[next - 2] === '\r' ? next - 2 : next - 1;
  };

  return {
    place(start, end) {
      const from = Math.max(0, Math.min(start, text.length));
      const line = lineOf(from);
      const col = from - starts[line]! + 1;
      const to = Math.min(end, Math.max(endOf(line), from));
      return { line: line + 1, col, endCol: Math.max(col + 1, to - starts[line]! + 1) };
    },
    line(number) {
      const start = starts[number - 1];
      if (start === undefined) return undefined;
      if (last?.number === number) return last.shown;
      const end = endOf(number - 1);
      let shown = text.slice(start, end);
      for (const range of hidden.get(number - 1) ?? []) {
        const from = Math.max(range.start - start, 0);
        const to = Math.min(range.end - start, shown.length);
        if (from < to) shown = shown.slice(0, from) + '•'.repeat(to - from) + shown.slice(to);
      }
      last = { number, shown: hideLikelySecret(shown) };
      return last.shown;
    },
    hide(start, end) {
      last = undefined;
      const to = lineOf(Math.max(start, end - 1));
      for (let line = lineOf(start); line <= to; line++) {
        const before = hidden.get(line);
        if (before === undefined) hidden.set(line, [{ start, end }]);
        else before.push({ start, end });
      }
    },
  };
}

const key = /(?<![\w-])([\w-]+)(?:["']\s{0,9}:\s{0,9}|:\s+)/g;
const flowValue = /"(?:[^"\\]|\\.)*"?|'[^']*'?|[^,}]*/y;

// Where a file is not valid, often nothing but a key's name tells that its value is a secret.
function hideLikelySecret(line: string): string {
  let shown = '';
  let from = 0;
  for (const match of line.matchAll(key)) {
    const at = match.index + match[0].length;
    if (match.index < from || !looksSecret(match[1]!)) continue;
    flowValue.lastIndex = at;
    const value = line.slice(0, match.index).includes('{') ? flowValue.exec(line)![0] : line.slice(at);
    if (value.includes('${')) continue;
    from = at + value.length;
    shown += line.slice(shown.length, at) + '•'.repeat(value.length);
  }
  return shown + line.slice(shown.length);
}
