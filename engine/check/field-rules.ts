// What holds for the value of a field beyond its type: how long a time may be, and of which map it names a key.
import { durationMs } from '../duration.ts';
import { pointerTo } from '../pointer.ts';
import { didYouMeanOrKnown } from '../suggest.ts';
import { isMap, markedValues } from '../validate/tasks.ts';
import { shortText } from '../validate/wording.ts';
import { allTasks, type Checking } from './checking.ts';

const duration = /^(\d+(\.\d+)?(ms|s|m|h|d|w))+$/;

export function checkFieldRules(checking: Checking): void {
  for (const { part, task, label, pointer } of allTasks(checking)) {
    if (part === undefined) continue;
    const marked = markedValues(part, task, ({ longest, keyOf }) => longest !== undefined || keyOf !== undefined);
    for (const { value, parts, info } of marked) {
      if (typeof value !== 'string') continue;
      const at = { pointer: pointerTo(pointer, ...parts) };
      const field = `${label}: ${parts.join('.')}`;
      const { longest, keyOf } = info;
      if (longest !== undefined && duration.test(value)) {
        const ms = durationMs(value);
        if (ms >= 1 && ms <= durationMs(longest)) continue;
        checking.reporter.report({
          code: 'RANGE',
          message: `${field} must be 1ms to ${longest}, and is ${value}`,
          ...at,
        });
      }
      const map = keyOf === undefined ? undefined : task[keyOf];
      if (!isMap(map) || Object.hasOwn(map, value)) continue;
      const hint = didYouMeanOrKnown(value, Object.keys(map), 'there are');
      const message = `${field} names ${shortText(value)}, and ${keyOf} has none of that name${hint}`;
      checking.reporter.report({ code: 'UNKNOWN_BRANCH', message, ...at });
    }
  }
}
