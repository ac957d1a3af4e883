// switch: runs the list of tasks that belongs to a value.
import type { BlockTask } from '../../engine/contracts/task.ts';
import { failure } from '../../engine/errors.ts';

export const switchTask: BlockTask = {
  op: 'switch',
  accepts: ['rows', 'files', 'nothing'],
  yields: 'same',

  choose({ lists, label, evaluate }) {
    const value = evaluate('value');
    const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
    const own = `cases.${text}`;
    if (lists.includes(own)) return own;
    if (lists.includes('default')) return 'default';
    const cases = lists.map((name) => name.slice('cases.'.length)).join(', ');
    throw failure('CASE_MISSING', { where: label, value: text, cases });
  },
};
