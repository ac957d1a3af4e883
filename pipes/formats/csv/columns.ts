// The columns of a CSV file: their names from its header or the options, their types from the options.
import type { Column, ColumnType } from '../../../engine/contracts/data.ts';
import { failure } from '../../../engine/errors.ts';
import { didYouMeanOrKnown } from '../../../engine/suggest.ts';
import type { CsvOptions, TsvOptions } from '../../../schemas/generated/types.ts';

/** What `columns` of the options says: names in order, types by name, or nothing. */
export interface NamedColumns {
  names: readonly string[] | undefined;
  types: ReadonlyMap<string, ColumnType>;
  /** The names stand for those of the file, in order, whatever its header says. */
  ordered: boolean;
}

export function namedColumns({ columns, header }: CsvOptions | TsvOptions): NamedColumns {
  if (columns === undefined) return { names: undefined, types: new Map(), ordered: false };
  if (Array.isArray(columns)) return { names: columns, types: new Map(), ordered: true };
  return { names: Object.keys(columns), types: new Map(Object.entries(columns)), ordered: header === false };
}

/** The columns of a file whose header, if it has one, is `header`, and whose first record has so many fields. */
export function columnsOf(
  named: NamedColumns,
  header: readonly (string | null)[] | undefined,
  width: number,
  { path, line }: { path: string; line: number },
): Column[] {
  if (header !== undefined) checkHeader(header, path, line);
  if (named.ordered && header !== undefined && header.length !== named.names!.length) {
    const reason = `the header has ${fieldCount(header.length)} and \`columns\` names ${named.names!.length}`;
    throw failure('INPUT_MALFORMED', { path, line, reason });
  }
  const names = named.ordered
    ? named.names!
    : (header ?? Array.from({ length: width }, (_, index) => `column${index + 1}`));
  for (const name of named.types.keys()) {
    if (names.includes(name)) continue;
    const known = names as readonly string[];
    throw failure('COLUMN_UNKNOWN', { where: path, column: name, hint: didYouMeanOrKnown(name, known, 'columns') });
  }
  return typed(names as readonly string[], named.types);
}

/** The columns of a file that has not a single record. */
export function typed(names: readonly string[], types: NamedColumns['types']): Column[] {
  return names.map((name) => ({ name, type: types.get(name) ?? 'text' }));
}

export function fieldCount(count: number): string {
  return count === 1 ? '1 field' : `${count} fields`;
}

function checkHeader(header: readonly (string | null)[], path: string, line: number): void {
  const advice = 'mend the header, or say `header: false`, `skip_lines: 1` and name the `columns`';
  const refuse = (reason: string) => failure('INPUT_MALFORMED', { path, line, reason: `${reason}; ${advice}` });
  const places = new Map<string, number>();
  header.forEach((name, index) => {
    if (name === null || name === '') throw refuse(`column ${index + 1} of ${header.length} has no name`);
    const before = places.get(name);
    if (before !== undefined) throw refuse(`columns ${before + 1} and ${index + 1} have the same name "${name}"`);
    places.set(name, index);
    if (name.includes('\r')) {
      const reason = 'the lines end in CR alone, or a column name has a line break; lines must end in LF or CR LF';
      throw failure('INPUT_MALFORMED', { path, line, reason });
    }
  });
}
