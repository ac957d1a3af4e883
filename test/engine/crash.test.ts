// A run into three kinds of targets that is killed, for real: a short form of scripts/crash.ts.
import { expect, test } from 'vitest';
import { crashCampaign, isWhole } from '../../scripts/crash.ts';

test('killed at random moments, every target ends with every row once', async () => {
  const outcome = await crashCampaign(3);
  expect(isWhole(outcome), JSON.stringify(outcome)).toBe(true);
});
