// The formats that a text param can have.
import { splitPath } from '../paths.ts';

interface ParamFormat {
  /** As the end of `must be …`. */
  name: string;
  test(text: string): boolean;
}

export const paramFormats: Readonly<Record<string, ParamFormat>> = {
  date: { name: 'a date, such as 2026-01-31', test: isDate },
  time: { name: 'a time, such as 06:30 or 06:30:15', test: isTime },
  'date-time': { name: 'a date and time, such as 2026-01-31T06:30:00Z', test: isDateTime },
  duration: {
    name: 'a length of time, such as 30s or 1h30m',
    test: (text) => /^(\d+(\.\d+)?(ms|s|m|h|d|w))+$/.test(text),
  },
  email: { name: 'an e-mail address', test: (text) => /^[^\s@"<>,;]+@[^\s@"<>,;.]+(\.[^\s@"<>,;.]+)+$/.test(text) },
  uri: { name: 'a URI, such as https://example.com/', test: (text) => URL.canParse(text) },
  uuid: { name: 'a UUID', test: (text) => /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(text) },
  path: { name: 'a path', test: isPath },
};

function isDate(text: string): boolean {
  const match = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text);
  if (match === null) return false;
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}

function isTime(text: string): boolean {
  return /^([01]\d|2[0-3]):[0-5]\d(:([0-5]\d|60)(\.\d+)?)?$/.test(text);
}

function isDateTime(text: string): boolean {
  const match = /^(\d{4}-\d\d-\d\d)[Tt ]([\d:.]+)([Zz]|[-+]([01]\d|2[0-3]):?[0-5]\d)?$/.exec(text);
  return match !== null && isDate(match[1]!) && isTime(match[2]!);
}

function isPath(text: string): boolean {
  try {
    splitPath(text);
    return true;
  } catch {
    return false;
  }
}
