// The list of ops: that what is said of each without loading it is what its code says.
import { expect, it } from 'vitest';
import { shapes, tasks } from '../../../pipes/index.ts';
import { tasks as language } from '../../../schemas/generated/language.ts';

it('says of each task what the task says of itself', async () => {
  expect(Object.keys(tasks).sort()).toEqual(Object.keys(shapes).sort());
  for (const [op, load] of Object.entries(tasks)) {
    const task = await load();
    const { accepts, yields, holds } = task;
    expect({ op, accepts, yields, ...(holds && { holds }) }).toEqual({
      op: task.op,
      ...shapes[op],
      inputWith: undefined,
      inputWithout: undefined,
      block: undefined,
      units: undefined,
      ends: undefined,
    });
  }
});

it('has code for every op of the language that is not planned for later', () => {
  const written = Object.entries(language).filter(([, part]) => part.planned !== true);
  expect(written.map(([op]) => op).sort()).toEqual(Object.keys(tasks).sort());
});
