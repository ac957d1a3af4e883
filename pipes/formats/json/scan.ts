// The inner loop of the JSON splitter: brackets, strings and commas of a text that comes in parts.

export interface Scan {
  /** Open brackets. */
  depth: number;
  /** The scan is over when a closing bracket leaves fewer open ones than this: 0 inside an array, 1 for a whole value. */
  readonly floor: 0 | 1;
  inString: boolean;
  /** In a string: the next character is escaped. */
  escaped: boolean;
}

export interface Scanned {
  /** Where the closing bracket is, or -1 when the text has no end of the value. */
  close: number;
  /** The commas at depth 0. */
  commas: number[];
  /** How many `\n` there are outside of strings, and where the last is; -1 without one. */
  newlines: number;
  lastNewline: number;
  /** The same, up to the last of the commas. */
  newlinesAtComma: number;
  lastNewlineAtComma: number;
}

/** Goes on with the scan through `text` from `at`, up to the closing bracket or the end. */
export function scanOn(scan: Scan, text: string, at: number): Scanned {
  const { floor } = scan;
  const end = text.length;
  const commas: number[] = [];
  let depth = scan.depth;
  let close = -1;
  let newlines = 0;
  let lastNewline = -1;
  let newlinesAtComma = 0;
  let lastNewlineAtComma = -1;
  let i = scan.inString ? stringEnd(scan, text, at) : at;
  while (i < end) {
    const code = text.charCodeAt(i);
    if (code === 0x22) {
      i = stringEnd(scan, text, i + 1);
      continue;
    }
    if (code === 0x7b || code === 0x5b) depth++;
    else if (code === 0x7d || code === 0x5d) {
      if (--depth < floor) {
        close = i;
        break;
      }
    } else if (code === 0x2c) {
      if (depth === 0) {
        commas.push(i);
        newlinesAtComma = newlines;
        lastNewlineAtComma = lastNewline;
      }
    } else if (code === 0x0a) {
      newlines++;
      lastNewline = i;
    }
    i++;
  }
  scan.depth = depth;
  return { close, commas, newlines, lastNewline, newlinesAtComma, lastNewlineAtComma };
}

/** The place after the end of a string, from a place inside of it; the length of the text when the string goes on. */
export function stringEnd(scan: Pick<Scan, 'inString' | 'escaped'>, text: string, from: number): number {
  scan.inString = true;
  let start = from;
  if (scan.escaped && start < text.length) {
    scan.escaped = false;
    start++;
  }
  for (;;) {
    const found = text.indexOf('"', start);
    const stop = found === -1 ? text.length : found;
    let backslashes = 0;
    while (stop - backslashes > start && text.charCodeAt(stop - backslashes - 1) === 0x5c) backslashes++;
    const escapesNext = backslashes % 2 === 1;
    if (found === -1) {
      if (stop > start) scan.escaped = escapesNext;
      return stop;
    }
    if (!escapesNext) {
      scan.inString = false;
      return found + 1;
    }
    start = found + 1;
  }
}
