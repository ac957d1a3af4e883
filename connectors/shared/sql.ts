// SQL text: names and literals quoted, and placeholders found where they are none of a string, a name or a comment.

/** Double quotes, as the standard has it. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Single quotes; a backslash stands for itself. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** Strings (also with `E`, and between `$tag$`), quoted names, comments, words, and last a placeholder. */
const piece =
  /[eE]'(?:[^'\\]|\\[\s\S]|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*|\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|\$(\d+)/g;

/** The statement with each `$1` in place of what `literal` gives for it. */
export function putParameters(statement: string, literal: (position: number) => string): string {
  let out = '';
  let from = 0;
  piece.lastIndex = 0;
  for (let found = piece.exec(statement); found !== null; found = piece.exec(statement)) {
    const [text, position] = found;
    if (position !== undefined) {
      out += statement.slice(from, found.index) + literal(Number(position));
      from = piece.lastIndex;
    } else if (text === '/*') {
      piece.lastIndex = commentEnd(statement, found.index);
    } else if (text.startsWith('$')) {
      const end = statement.indexOf(text, piece.lastIndex);
      piece.lastIndex = end < 0 ? statement.length : end + text.length;
    }
  }
  return out + statement.slice(from);
}

/** After a comment that may hold others. */
function commentEnd(statement: string, start: number): number {
  const mark = /\/\*|\*\//g;
  mark.lastIndex = start;
  let depth = 0;
  for (let found = mark.exec(statement); found !== null; found = mark.exec(statement)) {
    depth += found[0] === '/*' ? 1 : -1;
    if (depth === 0) return mark.lastIndex;
  }
  return statement.length;
}

/** Without what may end a statement but not a subquery. */
export function withoutEnd(statement: string): string {
  return statement.replace(/[\s;]+$/, '');
}
