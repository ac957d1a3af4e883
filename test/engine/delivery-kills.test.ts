// Runs that are killed, for real: a short form of scripts/campaign-delivery.ts.
import { expect, test } from 'vitest';
import { deliveryCampaign, isWhole } from '../../scripts/campaign-delivery.ts';

test('an incremental read into two databases and a file', async () => {
  const outcome = await deliveryCampaign('incremental', 3);
  expect(isWhole(outcome), JSON.stringify(outcome)).toBe(true);
});
