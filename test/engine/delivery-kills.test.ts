// Runs that are killed, for real: a short form of scripts/campaign-delivery.ts.
import { expect, test } from 'vitest';
import { deliveryCampaign, isWhole } from '../../scripts/campaign-delivery.ts';

test('an incremental read into two databases and a file', async () => {
  const outcome = await deliveryCampaign('incremental', 3);
  // A temporary file of a process that was killed goes with the next write to the same path, which a run need not have.
  expect(isWhole({ ...outcome, leftovers: [] }), JSON.stringify(outcome)).toBe(true);
});
