// What is done again, after what wait, and when it ends.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { failure } from '../../engine/errors.ts';
import { retryBudget, withRetry } from '../../engine/retry.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const signal = new AbortController().signal;
const busy = (afterMs?: number) => failure('HTTP_BUSY', { method: 'GET', url: 'http://a/b', status: 503 }, { afterMs });

/** Fails `times` times with what `make` gives, then succeeds. */
function failing(times: number, make: () => unknown = busy) {
  const attempts: number[] = [];
  const work = async (attempt: number) => {
    attempts.push(attempt);
    if (attempts.length <= times) throw make();
    return 'done';
  };
  return { attempts, work };
}

test.each([0, 1, 3])('goes on after %i failures that may pass', async (times) => {
  const { work, attempts } = failing(times);
  const result = withRetry(work, { signal });
  await vi.runAllTimersAsync();
  expect(await result).toBe('done');
  expect(attempts).toEqual(Array.from({ length: times + 1 }, (_, i) => i + 1));
});

test.each([1, 2, 4])('rejects with the last failure after %i attempts', async (attempts) => {
  const { work, attempts: made } = failing(9);
  const result = expect(withRetry(work, { signal, attempts })).rejects.toMatchObject({ code: 'HTTP_BUSY' });
  await vi.runAllTimersAsync();
  await result;
  expect(made).toHaveLength(attempts);
});

test.each([
  ['a failure that is final', () => failure('HTTP_STATUS', { status: 400 })],
  ['one that says so itself', () => failure('HTTP_BUSY', {}, { retry: false })],
  ['an error that is no failure', () => new Error('socket hang up')],
  ['a mistake in the code', () => new TypeError('x is not a function')],
])('does not repeat %s', async (_, make) => {
  const { work, attempts } = failing(1, make);
  const error = make() as Error;
  await expect(withRetry(work, { signal })).rejects.toThrow(error.message);
  expect(attempts).toEqual([1]);
});

test('waits twice as long each time, half of it by chance, up to the longest wait', async () => {
  const waits: number[] = [];
  const { work } = failing(6);
  const result = withRetry(work, {
    signal,
    attempts: 7,
    firstWaitMs: 100,
    longestWaitMs: 1000,
    onRetry: ({ waitMs }) => waits.push(waitMs),
  });
  await vi.runAllTimersAsync();
  await result;
  const full = [100, 200, 400, 800, 1000, 1000];
  expect(waits).toHaveLength(full.length);
  for (const [i, waitMs] of waits.entries()) {
    expect(waitMs).toBeGreaterThanOrEqual(full[i]! / 2);
    expect(waitMs).toBeLessThanOrEqual(full[i]!);
  }
});

test('waits as long as the server asked for', async () => {
  const { work, attempts } = failing(1, () => busy(20_000));
  const result = withRetry(work, { signal, firstWaitMs: 1 });
  await vi.advanceTimersByTimeAsync(19_999);
  expect(attempts).toEqual([1]);
  await vi.advanceTimersByTimeAsync(1);
  expect(await result).toBe('done');
});

test('does not wait for days because a server says so', async () => {
  const { work, attempts } = failing(1, () => busy(48 * 3600 * 1000));
  await expect(withRetry(work, { signal })).rejects.toMatchObject({ code: 'HTTP_BUSY' });
  expect(attempts).toEqual([1]);
});

test('calls share a budget', async () => {
  const budget = retryBudget(3);
  const first = failing(2);
  const second = failing(2);
  const one = withRetry(first.work, { signal, budget });
  await vi.runAllTimersAsync();
  expect(await one).toBe('done');
  const two = expect(withRetry(second.work, { signal, budget })).rejects.toMatchObject({ code: 'HTTP_BUSY' });
  await vi.runAllTimersAsync();
  await two;
  expect(second.attempts).toEqual([1, 2]);
});

test('tells of each retry before it waits', async () => {
  const told: unknown[] = [];
  const { work } = failing(1, () => busy(5000));
  const result = withRetry(work, {
    signal,
    onRetry: ({ attempt, waitMs, error }) => told.push([attempt, waitMs, error.code]),
  });
  await vi.advanceTimersByTimeAsync(0);
  expect(told).toEqual([[1, 5000, 'HTTP_BUSY']]);
  await vi.runAllTimersAsync();
  await result;
});

test('an abort ends a wait at once, with its reason', async () => {
  const controller = new AbortController();
  const { work, attempts } = failing(5, () => busy(60_000));
  const reason = failure('INTERRUPTED');
  const result = expect(withRetry(work, { signal: controller.signal })).rejects.toBe(reason);
  await vi.advanceTimersByTimeAsync(10);
  controller.abort(reason);
  await result;
  expect(attempts).toEqual([1]);
  expect(vi.getTimerCount()).toBe(0);
});

test('an aborted signal starts nothing', async () => {
  const { work, attempts } = failing(0);
  const reason = failure('INTERRUPTED');
  await expect(withRetry(work, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  expect(attempts).toEqual([]);
});

test('hands the signal to the work, and leaves no listener on it', async () => {
  const controller = new AbortController();
  const added = vi.spyOn(controller.signal, 'addEventListener');
  const removed = vi.spyOn(controller.signal, 'removeEventListener');
  let seen: AbortSignal | undefined;
  let times = 0;
  const result = withRetry(
    async (_, given) => {
      seen = given;
      if (times++ < 3) throw busy();
    },
    { signal: controller.signal },
  );
  await vi.runAllTimersAsync();
  await result;
  expect(seen).toBe(controller.signal);
  expect(added).toHaveBeenCalledTimes(3);
  expect(removed).toHaveBeenCalledTimes(3);
});
