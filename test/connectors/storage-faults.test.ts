// Random faults of every store, and of copies between two: the right bytes or a clear error, in the short form of the campaign.
import { expect, test } from 'vitest';
import { faultyCopies, faultyCopiesBetween } from '../../scripts/campaign-faults.ts';

// The least share that ends well is far below what is usual, and far above what is left of it without retries.
test.each([
  ['s3', 38, 0.75],
  ['http', 30, 0.6],
  ['dropbox', 30, 0.5],
  ['sftp', 30, 0.3],
  ['local', 30, 0.4],
] as const)('%s', async (name, scenarios, least) => {
  const { failed, done, refused, unmet } = await faultyCopies(name, { scenarios, seed: 7, large: 0.1 });
  expect(failed).toEqual([]);
  expect(unmet).toEqual([]);
  expect(done / (done + refused)).toBeGreaterThan(least);
  expect(refused).toBeGreaterThan(0);
});

test.each([
  ['s3', 'local'],
  ['sftp', 's3'],
  ['s3', 'dropbox'],
  ['s3', 's3'],
] as const)('%s to %s', async (from, to) => {
  const { failed, done } = await faultyCopiesBetween(from, to, { scenarios: 8, seed: 7, large: 0.2 });
  expect(failed).toEqual([]);
  expect(done).toBeGreaterThan(1);
});
