// Dates, times and zones in ISO 8601 text: checked, never turned into a Date.

/** A day of the calendar as YYYY-MM-DD. */
export function isDate(text: string): boolean {
  if (text.length !== 10 || text[4] !== '-' || text[7] !== '-') return false;
  const year = digits(text, 0, 4);
  const month = digits(text, 5, 7);
  const day = digits(text, 8, 10);
  return year >= 0 && month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month);
}

/** HH:MM, HH:MM:SS or HH:MM:SS.fraction, with any number of digits. */
export function isTime(text: string): boolean {
  if (text[2] !== ':' || !between(digits(text, 0, 2), 0, 23) || !between(digits(text, 3, 5), 0, 59)) return false;
  if (text.length === 5) return true;
  if (text[5] !== ':' || !between(digits(text, 6, 8), 0, 59)) return false;
  if (text.length === 8) return true;
  return text[8] === '.' && text.length > 9 && digits(text, 9, text.length) >= 0;
}

/** Text before its zone, and the zone as Z or ±HH:MM; undefined where there is none or a wrong one. */
export function zoned(text: string): { local: string; zone: string | undefined } {
  const last = text.at(-1);
  if (last === 'Z' || last === 'z') return { local: text.slice(0, -1).trimEnd(), zone: 'Z' };
  const sign = Math.max(text.lastIndexOf('+'), text.lastIndexOf('-'));
  if (sign === -1) return { local: text, zone: undefined };
  const figures = text.slice(sign + 1).replace(':', '');
  const hours = digits(figures, 0, 2);
  const minutes = figures.length === 2 ? 0 : digits(figures, 2, 4);
  const valid = (figures.length === 2 || figures.length === 4) && between(hours, 0, 23) && between(minutes, 0, 59);
  const zone = valid ? `${text[sign]}${figures.slice(0, 2)}:${figures.slice(2) || '00'}` : undefined;
  return { local: text.slice(0, sign).trimEnd(), zone };
}

/** The number that these characters write, or -1 when one of them is no digit. */
function digits(text: string, start: number, end: number): number {
  if (text.length < end) return -1;
  let number = 0;
  for (let at = start; at < end; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return -1;
    number = number * 10 + digit;
  }
  return number;
}

function between(number: number, low: number, high: number): boolean {
  return number >= low && number <= high;
}

function daysIn(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}
