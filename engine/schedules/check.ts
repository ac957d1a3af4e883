// The mistakes of triggers that a schema cannot tell: the cron line, the time zone, start and end, the params.
import type { Checking } from '../check/checking.ts';
import { pointerTo } from '../pointer.ts';
import { didYouMeanOrKnown } from '../suggest.ts';
import { isMap } from '../validate/tasks.ts';
import { shortText } from '../validate/wording.ts';
import { problemOf } from './cron-line.ts';
import { timeProblem, timesOf, zoneProblem } from './times.ts';

export function checkTriggers(checking: Checking): void {
  const { triggers } = checking.definition;
  if (!Array.isArray(triggers)) return;
  for (const [index, trigger] of triggers.entries())
    if (isMap(trigger)) checkTrigger(checking, trigger, pointerTo('/triggers', index), `trigger ${index + 1}`);
}

function checkTrigger(checking: Checking, trigger: Record<string, unknown>, pointer: string, label: string): void {
  const { reporter } = checking;
  const { cron, timezone = 'UTC', start, end } = trigger;
  if (typeof cron !== 'string' || cron === '' || typeof timezone !== 'string') return;
  let wrong = false;
  const report: typeof reporter.report = (mistake) => {
    wrong = true;
    reporter.report(mistake);
  };
  const line = problemOf(cron);
  if (line !== undefined) {
    const { message, ...range } = line;
    report({ code: 'CRON_INVALID', message: `${label}: ${message}`, pointer: `${pointer}/cron`, range });
  }
  const zone = zoneProblem(timezone);
  if (zone !== undefined)
    report({ code: 'UNKNOWN_TIMEZONE', message: `${label}: ${zone}`, pointer: `${pointer}/timezone` });
  for (const [name, text] of Object.entries({ start, end })) {
    const problem = typeof text === 'string' ? timeProblem(text) : undefined;
    if (problem !== undefined)
      report({
        code: 'PATTERN',
        message: `${label}: ${name} ${shortText(String(text))} ${problem}`,
        pointer: `${pointer}/${name}`,
      });
  }
  if (!wrong) checkTimes(checking, { cron, timezone, start: textOf(start), end: textOf(end) }, pointer, label);
  checkParams(checking, trigger, pointer, label);
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function checkTimes(checking: Checking, options: Parameters<typeof timesOf>[0], pointer: string, label: string): void {
  const { start, ...rest } = options;
  const began = timesOf(options).next(start === undefined ? Date.UTC(2000, 0, 1) : Number.NEGATIVE_INFINITY);
  if (began !== undefined) return;
  const never = timesOf({ cron: rest.cron, timezone: rest.timezone }).next(Date.now()) === undefined;
  const message = never
    ? `${label}: the cron line has no time that ever comes`
    : `${label}: no time of the cron line is between its start and its end`;
  checking.reporter.report({ code: 'CRON_INVALID', message, pointer: never ? `${pointer}/cron` : `${pointer}/end` });
}

/** Nobody is there to be asked for a param when a trigger starts a run. */
function checkParams(checking: Checking, trigger: Record<string, unknown>, pointer: string, label: string): void {
  const given = isMap(trigger.params) ? trigger.params : {};
  const declared = Object.keys(checking.params);
  for (const name of Object.keys(given)) {
    if (declared.includes(name)) continue;
    const hint = declared.length === 0 ? '; the pipe declares none' : didYouMeanOrKnown(name, declared, 'the pipe has');
    const message = `${label}: there is no param "${name}"${hint}`;
    checking.reporter.report({
      code: 'UNKNOWN_PARAM',
      message,
      pointer: pointerTo(`${pointer}/params`, name),
      part: 'key',
    });
  }
  for (const [name, { default: preset, required }] of Object.entries(checking.params)) {
    if (preset !== undefined || required === false || Object.hasOwn(given, name)) continue;
    const message = `${label}: the param "${name}" has no default, so the trigger must give it a value in \`params\``;
    checking.reporter.report({ code: 'MISSING_KEY', message, pointer });
  }
}
