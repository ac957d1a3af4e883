// The barrier before a commit: all or nobody.
import { expect, test } from 'vitest';
import { createBarrier } from '../../engine/barrier.ts';

/** A promise with its handles outside. */
function deferred() {
  let resolve = () => {};
  let reject: (reason: unknown) => void = () => {};
  const promise = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

const settled = async (promise: Promise<unknown>) => {
  let state = 'waiting';
  promise.then(
    () => (state = 'open'),
    () => (state = 'failed'),
  );
  await new Promise((resolve) => setImmediate(resolve));
  return state;
};

test('opens when the last piece of work arrives', async () => {
  const barrier = createBarrier();
  const [a, b] = [deferred(), deferred()];
  barrier.work(1, a.promise);
  barrier.work(2, b.promise);
  const first = barrier.arrive(1);
  expect(await settled(first)).toBe('waiting');
  const second = barrier.arrive(2);
  expect(await settled(first)).toBe('open');
  expect(await settled(second)).toBe('open');
});

test('work that ends without arriving does not hold up the others', async () => {
  const barrier = createBarrier();
  const [a, b] = [deferred(), deferred()];
  barrier.work(1, a.promise);
  barrier.work(2, b.promise);
  const arrived = barrier.arrive(1);
  expect(await settled(arrived)).toBe('waiting');
  b.resolve();
  expect(await settled(arrived)).toBe('open');
});

test('a failure turns away who waits and who comes later', async () => {
  const barrier = createBarrier();
  const [a, b] = [deferred(), deferred()];
  barrier.work(1, a.promise);
  barrier.work(2, b.promise);
  const arrived = barrier.arrive(1);
  barrier.fail(new Error('the disk is full'));
  await expect(arrived).rejects.toThrow('the disk is full');
  await expect(barrier.arrive(2)).rejects.toThrow('the disk is full');
});

test('two pieces of work of one task count as one', async () => {
  const barrier = createBarrier();
  const [a, b, c] = [deferred(), deferred(), deferred()];
  barrier.work(1, a.promise);
  barrier.work(1, b.promise);
  barrier.work(2, c.promise);
  const arrived = barrier.arrive(1);
  a.resolve();
  expect(await settled(arrived)).toBe('waiting');
  c.resolve();
  expect(await settled(arrived)).toBe('open');
});
