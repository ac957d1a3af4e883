// parallel: runs several lists of tasks at the same time; each gets the whole stream.
import type { BlockTask } from '../../engine/contracts/task.ts';

export const parallel: BlockTask = { op: 'parallel', accepts: ['rows', 'files', 'nothing'], yields: 'same' };
