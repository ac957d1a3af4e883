// Patterns of dates and times such as `dd.MM.yyyy HH:mm`: every part has its fixed place in the text.
import { failure } from '../../engine/errors.ts';
import { isDate, isTime } from '../formats/values/calendar.ts';
import { invalidValue } from '../formats/values.ts';
import type { TimeParts } from './times.ts';

const parts = ['yyyy', 'MM', 'dd', 'HH', 'mm', 'ss', 'SSS'] as const;
type Part = (typeof parts)[number];

/** Reads text in the pattern; the reader fails with VALUE_INVALID, a pattern that cannot be read with OPTION_UNSUPPORTED. */
export function patternReader(pattern: string): (text: string) => TimeParts {
  const places: Partial<Record<Part, number>> = {};
  const literals: { at: number; text: string }[] = [];
  let length = 0;
  // As in Java and Unicode's patterns, letters between quotes are literal and two quotes are one.
  for (const [piece, quoted, letters] of pattern.matchAll(/'((?:[^']|'')*)'|([A-Za-z])\2*|[^A-Za-z']/g)) {
    if (letters === undefined) {
      const text = quoted === undefined ? piece : quoted === '' ? "'" : quoted.replaceAll("''", "'");
      literals.push({ at: length, text });
      length += text.length;
      continue;
    }
    const part = parts.find((known) => known === piece);
    if (part === undefined || places[part] !== undefined) throw unreadable(pattern, piece);
    places[part] = length;
    length += part.length;
  }

  const part = (text: string, name: Part, otherwise: string) => {
    const at = places[name];
    return at === undefined ? otherwise : text.slice(at, at + name.length);
  };
  const { yyyy, HH } = places;
  const fraction = places.SSS === undefined ? '' : '.';
  return (text) => {
    const trimmed = text.trim();
    const fits = trimmed.length === length && literals.every((literal) => trimmed.startsWith(literal.text, literal.at));
    const date =
      yyyy === undefined
        ? undefined
        : `${part(trimmed, 'yyyy', '')}-${part(trimmed, 'MM', '01')}-${part(trimmed, 'dd', '01')}`;
    const clock = `${part(trimmed, 'HH', '')}:${part(trimmed, 'mm', '00')}:${part(trimmed, 'ss', '00')}`;
    const time = HH === undefined ? undefined : clock + fraction + part(trimmed, 'SSS', '');
    if (!fits || (date !== undefined && !isDate(date)) || (time !== undefined && !isTime(time))) {
      throw invalidValue(text, `a time written as ${pattern}`);
    }
    return { date, time };
  };
}

function unreadable(pattern: string, piece: string) {
  const hint = `; the parts are ${parts.join(', ')}, each once; put other letters between single quotes`;
  return failure('OPTION_UNSUPPORTED', { what: `"${piece}" in the format "${pattern}"`, where: 'a cast', hint });
}
