// The short form of scripts/campaign-leaks.ts: canary secrets in connections, searched for in all that comes out.
import { expect, it } from 'vitest';
import { canaries, formsOf, leaksIn } from '../../scripts/campaign-leaks/canaries.ts';
import { scenarios, targets } from '../../scripts/campaign-leaks/planting.ts';
import { realServerOf } from '../../scripts/campaign-leaks/servers.ts';
import { runLeakCampaign, unproved } from '../../scripts/campaign-leaks.ts';

const leaksOf = (outcomes: { leaks: string[] }[]) => outcomes.flatMap(({ leaks }) => leaks);

it('the search finds each canary as it is, escaped and encoded', () => {
  for (const [name, secret] of Object.entries(canaries)) {
    const shown = [
      `x${secret}y`,
      JSON.stringify({ a: secret }),
      `?q=${encodeURIComponent(secret)}&`,
      ...['', 'u', 'us'].map((before) => Buffer.from(`${before}${secret}:after`).toString('base64')),
      Buffer.from(secret).toString('hex'),
    ];
    for (const text of shown) expect(leaksIn(text, [name]), `${name}: ${text}`).not.toEqual([]);
    expect(leaksIn('[secret] as it should be', [name])).toEqual([]);
    expect(formsOf(secret).length).toBeGreaterThan(3);
  }
});

it('every connector with secret fields is in the campaign', () => {
  expect(targets()).toContainEqual({ connector: 'http', field: 'token' });
  expect(targets()).toContainEqual({ connector: 'http', field: 'headers' });
  expect(targets()).toContainEqual({ connector: 'postgres', field: 'password' });
  const without = targets().filter(({ connector }) => realServerOf(connector) === undefined);
  expect(without, 'say in scripts/campaign-leaks/servers.ts how its server is started').toEqual([]);
});

it('without redaction the same campaign finds leaks', async () => {
  const blind = {
    add() {},
    redact: (text: string) => text,
    redactValue: <T>(value: T) => value,
    textFilter: () => ({ push: (text: string) => text, end: () => '' }),
    byteFilter: () => ({ push: (bytes: Uint8Array) => bytes, end: () => new Uint8Array() }),
  };
  const outcomes = await runLeakCampaign({
    parts: ['library'],
    connectors: ['http'],
    fields: ['token'],
    ways: ['store'],
    scenarios: ['wrong password'],
    redactor: blind,
  });
  expect(leaksOf(outcomes).length).toBeGreaterThan(10);
});

it.each(scenarios)('nothing leaks from the library: %s', async (scenario) => {
  const i = scenarios.indexOf(scenario);
  const outcomes = await runLeakCampaign({
    parts: ['library'],
    connectors: ['http'],
    ways: [(['store', 'text in the registry', 'param'] as const)[i % 3]!],
    fields: [i % 2 === 0 ? 'token' : 'headers'],
    scenarios: [scenario],
  });
  expect(leaksOf(outcomes)).toEqual([]);
  expect(outcomes.map(({ searched }) => searched > 40)).toEqual([true]);
  expect(unproved(outcomes)).toEqual([]);
});

it('nothing leaks from a database', async () => {
  const outcomes = await runLeakCampaign({
    parts: ['library'],
    connectors: ['postgres'],
    ways: ['environment'],
    fields: ['password'],
    scenarios: ['success', 'wrong password'],
    canaries: ['plain', 'URL-unsafe', 'multi-line key', 'JSON inside', 'quotes and backslashes'],
  });
  expect(leaksOf(outcomes)).toEqual([]);
  expect(unproved(outcomes)).toEqual([]);
});

it('nothing leaks from the command', async () => {
  const outcomes = await runLeakCampaign({
    parts: ['command'],
    connectors: ['http'],
    ways: ['environment'],
    fields: ['token'],
    scenarios: ['wrong password', 'crash'],
    // One for each way to log.
    canaries: ['URL-unsafe', 'multi-line key', 'JSON inside', 'five characters'],
  });
  expect(leaksOf(outcomes)).toEqual([]);
  expect(outcomes.map(({ searched }) => searched > 5)).toEqual([true, true]);
  expect(outcomes.flatMap(({ late }) => late)).toEqual([]);
});
