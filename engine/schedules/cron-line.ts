// A cron line: which part of it is wrong and why, and its fields for other schedulers.
import { CronPattern } from 'croner';
import { didYouMeanOrKnown } from '../suggest.ts';

/** What is wrong with a part of a text, by offsets. */
export interface LineProblem {
  start: number;
  end: number;
  message: string;
}

interface Field {
  name: string;
  lowest: number;
  highest: number;
}

const fields: readonly Field[] = [
  { name: 'second', lowest: 0, highest: 59 },
  { name: 'minute', lowest: 0, highest: 59 },
  { name: 'hour', lowest: 0, highest: 23 },
  { name: 'day of the month', lowest: 1, highest: 31 },
  { name: 'month', lowest: 1, highest: 12 },
  { name: 'day of the week', lowest: 0, highest: 7 },
];

/** The shorthands, as lines of five fields. */
const shorthands: Readonly<Record<string, string>> = {
  '@hourly': '0 * * * *',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@weekly': '0 0 * * 0',
  '@monthly': '0 0 1 * *',
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
};

/**
 * How croner reads lines, the same everywhere. Where hour, minute and second are named and not patterned, a time
 * that the clock leaves out runs as soon as it goes on, and one that comes twice runs once.
 */
export const cronOptions = { mode: '5-or-6-parts', fixedTimeRule: 'no-wildcard' } as const;

/** Six fields of text: seconds, minutes, hours, days, months, days of the week. The line has no problem. */
export function fieldsOf(line: string): string[] {
  const texts = (shorthands[line.trim().toLowerCase()] ?? line).trim().split(/\s+/);
  return texts.length === 5 ? ['0', ...texts] : texts;
}

/** The first thing that is wrong with a line; undefined when nothing is. */
export function problemOf(line: string): LineProblem | undefined {
  const words = [...line.matchAll(/\S+/g)].map(({ 0: text, index }) => ({ text, start: index }));
  const whole = (message: string): LineProblem => ({ start: 0, end: Math.max(1, line.length), message });
  const [first] = words;
  if (first?.text.startsWith('@') === true) {
    if (words.length === 1 && Object.hasOwn(shorthands, first.text.toLowerCase())) return undefined;
    return whole(
      `there is no shorthand ${line.trim()}${didYouMeanOrKnown(first.text, Object.keys(shorthands), 'there are')}`,
    );
  }
  if (words.length !== 5 && words.length !== 6)
    return whole(
      `a cron line has five fields (minute, hour, day of the month, month, day of the week), or six with seconds first, and this has ${words.length}`,
    );
  const own = words.length === 5 ? fields.slice(1) : fields;
  for (const [i, { text, start }] of words.entries()) {
    const problem = fieldProblem(own[i]!, text);
    if (problem !== undefined) return { ...problem, start: start + problem.start, end: start + problem.end };
  }
  const reason = refusal(line);
  return reason === undefined ? undefined : whole(reason);
}

function fieldProblem(field: Field, text: string): LineProblem | undefined {
  let start = 0;
  for (const item of text.split(',')) {
    const message = itemProblem(field, item);
    if (message !== undefined) return { start, end: start + Math.max(1, item.length), message };
    start += item.length + 1;
  }
  return undefined;
}

function itemProblem(field: Field, item: string): string | undefined {
  const { name, lowest, highest } = field;
  if (item === '') return `the ${name} has a comma with nothing beside it`;
  // `5L` and `L-3` count from the end, `MON#2` counts weeks, `*/90` is a step: none of these numbers is a time.
  const [times, step] = item.split('/') as [string, string | undefined];
  if (step !== undefined && /^\d+$/.test(times))
    return `the ${name} ${item} starts at a number; write ${times}-${highest}/${step} in its place`;
  if (step !== undefined && (!/^\d+$/.test(step) || Number(step) < 1 || Number(step) > highest - lowest + 1))
    return `the step of the ${name} is 1 to ${highest - lowest + 1}, and this is ${step === '' ? 'missing' : step}`;
  const numbers = /^(\d+)(?:-(\d+))?(?:#[1-5L]|[LW])?$/.exec(times);
  for (const number of numbers?.slice(1) ?? [])
    if (number !== undefined && (Number(number) < lowest || Number(number) > highest))
      return `the ${name} is ${lowest} to ${highest}, and this is ${number}`;
  if (numbers?.[2] !== undefined && Number(numbers[1]) > Number(numbers[2]))
    return `the ${name} goes from ${numbers[1]} back to ${numbers[2]}; write ${numbers[1]}-${highest},${lowest}-${numbers[2]}`;
  const line = fields.map((each) => (each === field ? item : '*')).join(' ');
  return refusal(line) === undefined ? undefined : `"${item}" is no ${name}`;
}

/** What croner says of a line that it does not take. */
function refusal(line: string): string | undefined {
  try {
    new CronPattern(line, undefined, cronOptions);
    return undefined;
  } catch (error) {
    return (error as Error).message.replace(/^CronPattern: /, '');
  }
}
