// Changed examples and random tasks: a short form of scripts/campaign-definitions.ts.
import { expect, test } from 'vitest';
import { definitionsCampaign } from '../../scripts/campaign-definitions.ts';

test('check and plan never crash, never hang, and say where', async () => {
  const { problems, valid, broken } = await definitionsCampaign(200);
  expect(problems).toEqual([]);
  expect(valid).toBeGreaterThan(0);
  expect(broken).toBeGreaterThan(0);
});
