// Lengths of time in milliseconds.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { durationMs, timer, wait } from '../../engine/duration.ts';

test.each([
  ['0s', 0],
  ['250ms', 250],
  ['1.5s', 1500],
  ['5m', 300_000],
  ['1h30m', 5_400_000],
  ['2d', 172_800_000],
  ['1w1ms', 604_800_001],
])('%s', (text, ms) => {
  expect(durationMs(text)).toBe(ms);
});

describe('time that passes', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test('a timer of more days than one of Node can wait for ends on its day', async () => {
    const late = vi.fn();
    timer('60d', late);
    await vi.advanceTimersByTimeAsync(durationMs('59d'));
    expect(late).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(durationMs('1d'));
    expect(late).toHaveBeenCalledExactlyOnceWith(60 * 86_400);
  });

  test('one that was stopped in its second stretch never ends', async () => {
    const late = vi.fn();
    const stop = timer('60d', late);
    await vi.advanceTimersByTimeAsync(durationMs('30d'));
    stop();
    await vi.advanceTimersByTimeAsync(durationMs('90d'));
    expect(late).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });

  test('a wait ends with the reason of the signal, and leaves no timer', async () => {
    const stop = new AbortController();
    const waiting = expect(wait(10_000, stop.signal)).rejects.toThrow('enough');
    stop.abort(new Error('enough'));
    await waiting;
    expect(vi.getTimerCount()).toBe(0);
    await expect(wait(1, stop.signal)).rejects.toThrow('enough');
  });
});
