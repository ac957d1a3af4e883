// Lengths of time in milliseconds.
import { expect, test } from 'vitest';
import { durationMs } from '../../engine/duration.ts';

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
