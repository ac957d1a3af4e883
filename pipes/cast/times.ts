// Values as dates, times and timestamps: ISO text, or text in the pattern that the task says.
import { isDate, isTime, zoned } from '../formats/values/calendar.ts';
import { invalidValue, parser } from '../formats/values.ts';
import { type Cast, type CastOptions, lossy, shown } from './cast.ts';
import { patternReader } from './pattern.ts';

type TimeType = 'date' | 'time' | 'timestamp' | 'timestamptz';

export function toTime(type: TimeType, options: CastOptions): Cast {
  const parse = parser(type);
  const read = options.format === undefined ? undefined : patternReader(options.format);
  return (value) => {
    if (read !== undefined && (typeof value === 'string' || typeof value === 'number')) {
      return fitted(type, read(String(value)), String(value), options.lossy);
    }
    if (typeof value !== 'string') throw invalidValue(shown(value), `a ${type}`);
    const parts = type === 'timestamptz' ? undefined : partsOf(value.trim());
    // What it is already, and what it cannot be, is for the parser.
    return parts === undefined ? parse(value) : fitted(type, parts, value, options.lossy);
  };
}

/** ISO text; what is not there is undefined. */
export interface TimeParts {
  date: string | undefined;
  time: string | undefined;
  zone?: string | undefined;
}

/** Of a timestamp, or of a date alone. */
function partsOf(text: string): TimeParts | undefined {
  if (!isDate(text.slice(0, 10))) return undefined;
  if (text.length === 10) return { date: text, time: undefined };
  const { local, zone } = zoned(text.slice(11));
  const time = zone === undefined ? text.slice(11) : local;
  return isTime(time) ? { date: text.slice(0, 10), time, zone } : undefined;
}

function fitted(type: TimeType, { date, time, zone }: TimeParts, text: string, mayLose: boolean): string {
  const losesTime = type === 'date' && time !== undefined && /[1-9]/.test(time);
  const losesDate = type === 'time' && date !== undefined;
  const lost = losesTime || losesDate || zone !== undefined;
  const missing = type === 'time' ? time === undefined : date === undefined;
  if (missing) throw invalidValue(text, `a ${type}`);
  if (lost && !mayLose) throw lossy(text, `a ${type}`);
  if (type === 'date') return date!;
  return type === 'time' ? time! : `${date}T${time ?? '00:00:00'}`;
}
