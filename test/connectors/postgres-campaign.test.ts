// A load with `commit: batch` that is killed half-way, or whose server is, goes on from there: the campaign, in short.
import { expect, test } from 'vitest';
import { runCampaign } from '../../scripts/campaign-database.ts';

test('a killed writer and a killed server', async () => {
  const compiled = process.env.PIPE_TEST_COMPILED;
  const outcomes = await runCampaign({
    rows: 130_000,
    kills: 1,
    ways: [
      ['writer', 'batch'],
      ['server', 'batch'],
    ],
    between: true,
    ...(compiled === undefined ? {} : { compiled }),
  });
  for (const outcome of outcomes) {
    expect(outcome).toMatchObject({ kills: 1, between: 1, resumed: 1, wrong: [] });
  }
  expect(outcomes).toHaveLength(2);
});
