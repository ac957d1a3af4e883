// SQL text: names and literals quoted, and placeholders found where they are none of a string, a name or a comment.
import { failure } from '../../engine/errors.ts';

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

const firstWord = /^(?:\s|\(|--[^\n]*\n|#[^\n]*\n|\/\*[\s\S]*?\*\/)*([A-Za-z]+)/;

function beginsWith(statement: string): string {
  return firstWord.exec(statement)?.[1]?.toUpperCase() ?? '';
}

const reading = ['', 'SELECT', 'WITH', 'VALUES', 'TABLE'];
const transactional = ['BEGIN', 'START', 'COMMIT', 'END', 'ROLLBACK', 'ABORT', 'SAVEPOINT', 'RELEASE'];
const ordinary = [...reading, 'INSERT', 'UPDATE', 'DELETE', 'MERGE', 'REPLACE', 'CREATE', 'ALTER', 'DROP', 'TRUNCATE'];

/** The end of a sentence about what would lose something on its way into a table. */
export const letIt = '; say `lossy: allow` to let it';
/** The end of a sentence that says why a statement was refused. */
export const onlyReads = 'a read may not change anything; use `op: query`';

/** Refuses a query that says by its first word that it does more than read. */
export function refuseWriting(statement: string, where: string): void {
  const word = beginsWith(statement);
  if (!reading.includes(word)) throw failure('SQL_REFUSED', { where, reason: `it begins with ${word}; ${onlyReads}` });
}

/** Refuses what would end the transaction that the task is. */
export function refuseTransaction(statement: string, where: string): void {
  const word = beginsWith(statement);
  if (!transactional.includes(word)) return;
  throw failure('SQL_REFUSED', { where, reason: `it begins with ${word}, and a task is always one transaction` });
}

/** Whether it may leave the session with other settings. */
export function changesSession(statement: string): boolean {
  return !ordinary.includes(beginsWith(statement));
}
