// A source line with a mark under a part of it, as it can be shown on a terminal.

// Cells of a terminal; a source line that is longer is cut around its caret.
const widest = 100;
const tabCells = 4;
// Characters on either side of the mark; more than enough for `widest` cells.
const around = 400;

/** The part of a line to show, and the cells before and under the mark. */
export function excerpt(line: string, col: number, endCol: number): { shown: string; before: number; marked: number } {
  // Of a very long line, only what is around the mark is looked at.
  const start = Math.max(0, col - 1 - around);
  const stop = col - 1 + around;
  const cells: { text: string; width: number; at: number }[] = [];
  let at = start;
  for (const character of line.slice(start, stop)) {
    const text = character === '\t' ? ' '.repeat(tabCells) : visible(character);
    cells.push({ text, width: character === '\t' ? tabCells : cellWidth(text), at });
    at += character.length;
  }
  let first = cells.findIndex((cell) => cell.at >= col - 1);
  if (first < 0) first = cells.length;
  let end = cells.findIndex((cell) => cell.at >= endCol - 1);
  if (end < 0) end = cells.length;
  const width = (from: number, to: number) => cells.slice(from, to).reduce((sum, cell) => sum + cell.width, 0);

  let from = 0;
  let to = cells.length;
  if (width(0, to) > widest) {
    from = first;
    to = first;
    // Two thirds of the room before the mark's start at most, the rest after it, then what is left before it.
    const grow = (limit: number, step: () => boolean) => {
      while (width(from, to) < limit && step());
    };
    grow(widest / 3, () => from > 0 && from-- > 0);
    grow(widest, () => to < cells.length && to++ >= 0);
    grow(widest, () => from > 0 && from-- > 0);
  }
  const lead = from > 0 || start > 0 ? '…' : '';
  const tail = to < cells.length || stop < line.length ? '…' : '';
  const shown =
    lead +
    cells
      .slice(from, to)
      .map(({ text }) => text)
      .join('') +
    tail;
  const marked = Math.max(1, width(first, Math.max(first, Math.min(end, to))));
  return { shown: shown.trimEnd(), before: lead.length + width(from, first), marked };
}

/** Control characters as symbols, so that a file cannot steer the terminal it is shown on. */
export function visible(text: string): string {
  return text.replace(
    /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => {
      const code = character.charCodeAt(0);
      return code < 0x20 ? String.fromCharCode(0x2400 + code) : '\ufffd';
    },
  );
}

const zero = /^[\p{Mn}\p{Me}\p{Cf}]$/u;
const double = /^\p{Emoji_Presentation}$/u;

/** Cells that one character takes: 0 for marks that join the one before, 2 for East Asian wide ones and emoji. */
function cellWidth(character: string): number {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x300) return 1;
  if (zero.test(character)) return 0;
  const wide =
    (code >= 0x1100 && code <= 0x115f) ||
    (code >= 0x2e80 && code <= 0x303e) ||
    (code >= 0x3041 && code <= 0xa4cf) ||
    (code >= 0xa960 && code <= 0xa97f) ||
    (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff00 && code <= 0xff60) ||
    (code >= 0xffe0 && code <= 0xffe6) ||
    (code >= 0x20000 && code <= 0x3fffd);
  return wide || double.test(character) ? 2 : 1;
}
