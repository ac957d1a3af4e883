// The examples that read from services, against local servers that follow what the vendors document.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import type { RowStream } from '../../engine/contracts/data.ts';
import { createEngine, type Engine, type Pipe, type Row } from '../../index.ts';
import { startGitHub, startShopify, startTwilio } from '../servers/apis.ts';
import { startDropbox } from '../servers/dropbox.ts';
import { startPostgres } from '../servers/postgres.ts';

const examples = join(import.meta.dirname, '../../examples');

/** The example as it is, but for the addresses of its connections; its relative paths begin in an empty folder. */
function example(name: string, addresses: Record<string, object>, env: Record<string, string>) {
  const folder = mkdtempSync(join(tmpdir(), `pipe-${name}-`));
  const engine = createEngine({ folder, configFolder: folder, stateFolder: folder, credentials: 'memory' });
  const before = Object.fromEntries(Object.keys(env).map((key) => [key, process.env[key]]));
  Object.assign(process.env, env);
  onTestFinished(async () => {
    for (const [key, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[key];
      else process.env[key] = value;
    }
    await engine.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const definition = parse(readFileSync(join(examples, name, 'pipe.yaml'), 'utf8')) as Pipe;
  for (const [alias, more] of Object.entries(addresses)) Object.assign(definition.connections![alias]!, more);
  return { engine, definition };
}

const failureOf = (engine: Engine, definition: Pipe, params = {}) =>
  engine.run(definition, { params }).result.then(
    () => undefined,
    (error: unknown) => error,
  );

test('github-issues-to-sqlite', async () => {
  const issues = Array.from({ length: 130 }, (_, i) => ({
    id: 3_000_000_000 + i,
    number: i + 1,
    title: `Issue ${i + 1}: ünïcode "quotes", and a comma`,
    state: i % 3 === 0 ? 'closed' : 'open',
    user: { login: `user-${i % 7}`, id: i % 7 },
    labels: i % 2 === 0 ? [{ name: 'bug' }, { name: 'help wanted' }] : [],
    created_at: '2026-01-01T00:00:00Z',
    updated_at: new Date(Date.UTC(2026, 0, 1, 0, i)).toISOString().replace('.000', ''),
    closed_at: i % 3 === 0 ? '2026-02-01T00:00:00Z' : null,
    ...(i % 10 === 9 ? { pull_request: { url: 'https://api.github.com/repos/octocat/hello-world/pulls/1' } } : {}),
  }));
  const api = await startGitHub('t0ken', 'octocat/hello-world', issues);
  onTestFinished(() => api.close());
  const { engine, definition } = example(
    'github-issues-to-sqlite',
    { 'my-github': { base_url: api.baseUrl } },
    { GITHUB_TOKEN: 't0ken' },
  );
  for (let i = 0; i < 2; i++) await engine.run(definition).result;
  const found: Row[] = [];
  const read = { name: 'look', connections: definition.connections!, tasks: [{ op: 'read', path: '/archive/issues' }] };
  await engine.run(
    read as Pipe,
    {
      take: async (rows: RowStream) => {
        for await (const { rows: some } of rows.batches) found.push(...some);
      },
    } as never,
  ).result;
  const wanted = issues.filter((issue) => !('pull_request' in issue));
  expect(found).toHaveLength(wanted.length);
  expect(found[0]).toMatchObject({
    id: 3_000_000_000,
    title: 'Issue 1: ünïcode "quotes", and a comma',
    author: 'user-0',
    labels: 'bug, help wanted',
    closed_at: '2026-02-01T00:00:00Z',
  });
  process.env.GITHUB_TOKEN = 'wrong';
  expect(await failureOf(engine, definition)).toMatchObject({
    code: 'CREDENTIAL_REFUSED',
    message: expect.stringContaining('Bad credentials'),
  });
});

test('shopify-orders-to-postgres', async () => {
  const database = await startPostgres();
  const orders = Array.from({ length: 35 }, (_, i) => ({
    id: 450_789_469 + i,
    name: `#${1001 + i}`,
    email: `buyer-${i}@example.com`,
    created_at: '2026-01-10T11:00:00-05:00',
    updated_at: '2026-01-11T11:00:00-05:00',
    processed_at: null,
    cancelled_at: null,
    closed_at: null,
    currency: 'USD',
    financial_status: 'paid',
    fulfillment_status: null,
    subtotal_price: '597.00',
    total_tax: '11.94',
    total_price: `${i}.10`,
    line_items: Array.from({ length: (i % 3) + 1 }, (_, line) => ({
      id: i * 10 + line,
      sku: `SKU-${line}`,
      quantity: line + 1,
      price: '199.00',
    })),
  }));
  const api = await startShopify('shpat_1', orders);
  onTestFinished(async () => {
    await api.close();
    await database.stop();
  });
  const { engine, definition } = example(
    'shopify-orders-to-postgres',
    { 'my-shop': { base_url: api.baseUrl } },
    {
      SHOPIFY_SHOP: 'example',
      SHOPIFY_TOKEN: 'shpat_1',
      PGHOST: database.host,
      PGPORT: String(database.port),
      PGUSER: database.user,
      PGPASSWORD: database.password,
    },
  );
  for (let i = 0; i < 2; i++) await engine.run(definition).result;
  expect(
    await database.sql(`select count(*)::int as orders, sum(total_price)::text as total,
      min(updated_at at time zone 'UTC')::text as updated, pg_typeof(min(total_price))::text as type from orders`),
  ).toEqual([{ orders: 35, total: '598.50', updated: '2026-01-11 16:00:00', type: 'numeric' }]);
  expect(
    await database.sql(
      'select count(*)::int as lines, sum(line_quantity * line_price)::text as worth from order_lines',
    ),
  ).toEqual([{ lines: 69, worth: '22686.00' }]);
  // The first run met the limit once, and waited.
  expect(api.server.received).toHaveLength(9);
});

test('twilio-calls-to-dropbox', async () => {
  const sid = 'AC0123456789abcdef0123456789abcdef';
  const calls = Array.from({ length: 45 }, (_, i) => ({
    sid: `CA${i}`,
    status: i % 4 === 0 ? 'busy' : 'completed',
    start_time: new Date(Date.UTC(2026, 0, 10, 12, 59 - i)).toUTCString().replace('GMT', '+0000'),
    end_time: null,
    date_created: 'Sat, 10 Jan 2026 12:00:00 +0000',
    date_updated: null,
    duration: String(i * 30),
    from: '+15550001',
    to: '+15550002',
    price: '-0.03000',
    price_unit: 'USD',
  }));
  const api = await startTwilio(sid, 'auth', calls);
  const dropbox = await startDropbox();
  dropbox.tokens.add('sl.x');
  onTestFinished(async () => {
    await api.close();
    await dropbox.close();
  });
  const { engine, definition } = example(
    'twilio-calls-to-dropbox',
    { 'my-twilio': { base_url: api.baseUrl }, 'my-dropbox': { base_url: dropbox.url } },
    { TWILIO_ACCOUNT_SID: sid, TWILIO_AUTH_TOKEN: 'auth', DROPBOX_ACCESS_TOKEN: 'sl.x' },
  );
  await engine.run(definition, { params: { since: '2026-01-10' } }).result;
  const read: Pipe = {
    name: 'look',
    connections: definition.connections!,
    tasks: [
      { op: 'read', path: '/my-dropbox/twilio/calls-2026-01-10.csv' },
      { op: 'write', path: '-', format: 'csv' },
    ],
  };
  let out = '';
  const stdout = async (chunk: Uint8Array) => {
    out += Buffer.from(chunk);
  };
  await engine.run(read, { stdout }).result;
  const [head, first, ...rest] = out.trim().split('\n');
  expect([head, first]).toEqual([
    'sid,start_time,from,to,duration,minutes,price,price_unit,source',
    'CA1,2026-01-10T12:58:00Z,+15550001,+15550002,30,0.5,-0.03000,USD,twilio',
  ]);
  expect(rest).toHaveLength(32);
  expect(api.server.received.map(({ url }) => new URL(url, api.baseUrl).searchParams.get('Page'))).toEqual([
    null,
    '1',
    '2',
  ]);
});
