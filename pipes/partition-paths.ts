// Which file of many a row goes to: the path's parts with `record` in them evaluated, and nothing that leads elsewhere.
import type { Column, Row, Value } from '../engine/contracts/data.ts';
import type { Evaluator, TaskContext } from '../engine/contracts/task.ts';
import { failure } from '../engine/errors.ts';

export interface PartitionPaths {
  /** The folder that all the files are in, as the user would write it, with a slash at the end. */
  folder: string;
  /** Whether the path counts parts. */
  hasPart: boolean;
  /** The file of a row below the folder, with `part` in place of `${part}`. */
  name(row: Row, part: number): string;
  /** What tells the files of one row from those of another: the name without the part. */
  key(row: Row): string;
}

type Piece = { text: string } | { part: true } | { value: Evaluator; source: string; ofRecord: boolean };

export function isPartitioned(path: string): boolean {
  return /\$\{[^}]*\b(?:record|part)\b[^}]*\}/.test(path);
}

export function partitionPaths(
  path: string,
  columns: readonly Column[] | undefined,
  context: TaskContext,
): PartitionPaths {
  const pieces = piecesOf(path, columns, context);
  // What comes before the first part that changes is the same for every file.
  let fixed = '';
  while (pieces.length > 0) {
    const [first] = pieces as [Piece];
    if ('part' in first || ('value' in first && first.ofRecord)) break;
    fixed += 'text' in first ? first.text : plainText(first.value({}), first.source, path);
    pieces.shift();
  }
  const slash = fixed.lastIndexOf('/');
  const folder = fixed.slice(0, slash + 1) || './';
  const start = fixed.slice(slash + 1);
  /** Names that some stores take for one. */
  const seen = new Map<string, string>();

  const evaluated = (row: Row, part: string): string => {
    let name = start;
    for (const piece of pieces) {
      if ('text' in piece) name += piece.text;
      else if ('part' in piece) name += part;
      else if (piece.ofRecord) name += segmentText(piece.value(row), piece.source, path);
      else name += plainText(piece.value({}), piece.source, path);
    }
    return name;
  };
  return {
    folder,
    hasPart: pieces.some((piece) => 'part' in piece),
    key(row) {
      const key = evaluated(row, '');
      const same = key.normalize('NFC').toLowerCase();
      const other = seen.get(same);
      if (other === undefined) {
        checkName(key, path);
        seen.set(same, key);
      } else if (other !== key) {
        const reason = `gives "${other}" and "${key}", which are one file where upper and lower case, or two ways to write a letter, are the same; make them equal with a set task before the write`;
        throw failure('PATH_INVALID', { path, reason });
      }
      return key;
    },
    name: (row, part) => evaluated(row, String(part)),
  };
}

function piecesOf(path: string, columns: readonly Column[] | undefined, context: TaskContext): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  for (const found of path.matchAll(/\$\{([^}]*)\}/g)) {
    if (found.index > at) pieces.push({ text: path.slice(at, found.index) });
    at = found.index + found[0].length;
    const source = found[1]!.trim();
    if (source === 'part') pieces.push({ part: true });
    else if (/\bpart\b/.test(source)) {
      const hint = '; `${part}` alone is the number of the part, from 1';
      throw failure('OPTION_UNSUPPORTED', { what: `the expression ${source}`, where: 'a path', hint });
    } else {
      const ofRecord = /\brecord\b/.test(source);
      pieces.push({ value: context.template(found[0], '/path', columns), source, ofRecord });
    }
  }
  if (at < path.length) pieces.push({ text: path.slice(at) });
  return pieces;
}

function plainText(value: Value, source: string, path: string): string {
  if (
    typeof value === 'string' ||
    typeof value === 'number' ||
    typeof value === 'bigint' ||
    typeof value === 'boolean'
  ) {
    return String(value);
  }
  const what = value === null ? 'null' : 'no text and no number';
  throw failure('PATH_INVALID', { path, reason: `has ${what} for ${source}; give it a value with a set task before` });
}

/** A value of a record names a file or a folder, and never a way through folders. */
function segmentText(value: Value, source: string, path: string): string {
  const text = plainText(value, source, path);
  const refuse = (what: string) =>
    failure('PATH_INVALID', { path, reason: `has a value for ${source} that ${what}: ${JSON.stringify(text)}` });
  if (text === '') throw refuse('is empty');
  if (/[/\\]/.test(text)) throw refuse('has a slash in it');
  if (/[\x00-\x1f\x7f]/.test(text)) throw refuse('has a character in it that no file name should have');
  if (text === '.' || text === '..') throw refuse('means a folder');
  return text;
}

function checkName(name: string, path: string): void {
  if (name.split('/').some((segment) => segment === '.' || segment === '..')) {
    throw failure('PATH_INVALID', { path, reason: `gives "${name}", which leads out of its folder` });
  }
}
