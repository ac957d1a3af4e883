// Random faults of web servers, Dropbox and SFTP: the right bytes or a clear error, in the short form of the campaign.
import { expect, test } from 'vitest';
import { faultyCopies } from '../../scripts/campaign-faults.ts';

test.each(['http', 'dropbox', 'sftp'] as const)('%s', async (name) => {
  const { failed, done, refused } = await faultyCopies(name, { scenarios: 10, seed: 7 });
  expect(failed).toEqual([]);
  expect(done).toBeGreaterThan(0);
  expect(done + refused).toBe(10);
});
