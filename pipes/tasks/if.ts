// if: runs one list of tasks or another.
import type { BlockTask } from '../../engine/contracts/task.ts';

export const ifTask: BlockTask = {
  op: 'if',
  accepts: ['rows', 'files', 'nothing'],
  yields: 'same',
  choose: ({ isTrue }) => (isTrue('condition') ? 'then' : 'else'),
};
