// write to S3: what goes with an object, as the task and the connection say it.
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { expect, it, onTestFinished } from 'vitest';
import type { Config } from '../../../connectors/s3/client.ts';
import { connector } from '../../../connectors/s3/index.ts';
import type { AnyConnector } from '../../../engine/contracts/connector.ts';
import type { Row } from '../../../engine/contracts/data.ts';
import { startS3Server } from '../../servers/s3.ts';
import { smallParts, testCredential } from '../../servers/s3-storage.ts';
import { columnsOf, filesOf, rowsOf, run, type Setting } from './context.ts';

const columns = columnsOf({ id: 'integer', day: 'text' });
const rows: Row[] = [
  { id: 1, day: 'mon' },
  { id: 2, day: 'tue' },
];

const withKey: AnyConnector = {
  ...connector,
  open: (config, context) => connector.open(config as Config, { ...context, credential: async () => testCredential }),
};

async function lake(config: Config = {}) {
  const server = await startS3Server();
  onTestFinished(() => server.close());
  const whole = { bucket: 'bucket', region: 'us-east-1', endpoint: server.url, ...smallParts, ...config };
  const setting: Setting = { connections: { lake: { connector: withKey, config: whole } } };
  const { objects } = server.store.buckets.get('bucket')!;
  return { setting, objects, headersOf: (key: string) => objects.get(key)!.headers };
}

it('keeps metadata and type of the task, encryption and class of the connection, with an object of any size', async () => {
  const { setting, headersOf } = await lake({
    encryption: 'aws:kms',
    kms_key_id: 'alias/k',
    storage_class: 'STANDARD_IA',
  });
  const what = { metadata: { source: 'shop' }, content_type: 'text/csv; charset=utf-8' };
  const many = Array.from({ length: 20_000 }, (_, id): Row => ({ id, day: 'x'.repeat(300) }));
  await run('write', { path: '/lake/small.csv', ...what }, rowsOf(rows, columns), setting);
  await run('write', { path: '/lake/large.csv', ...what }, rowsOf(many, columns, 1000), setting);
  await run('write', { path: '/lake/dt=${record.day}/a.csv', ...what }, rowsOf(rows, columns), setting);
  await run('write', { path: '/lake/copied/', ...what }, filesOf({ 'b.bin': 'b' }), setting);
  for (const key of ['small.csv', 'large.csv', 'dt=mon/a.csv', 'dt=tue/a.csv', 'copied/b.bin']) {
    expect(headersOf(key), key).toEqual({
      'content-type': 'text/csv; charset=utf-8',
      'x-amz-meta-source': 'shop',
      'x-amz-server-side-encryption': 'aws:kms',
      'x-amz-server-side-encryption-aws-kms-key-id': 'alias/k',
      'x-amz-storage-class': 'STANDARD_IA',
    });
  }
});

it('has the type of its format where the task says none, and no more than that', async () => {
  const { setting, objects, headersOf } = await lake();
  await run('write', { path: '/lake/a.csv' }, rowsOf(rows, columns), setting);
  await run('write', { path: '/lake/b', format: 'ndjson' }, rowsOf(rows, columns), setting);
  await run('write', { path: '/lake/c.csv.gz' }, rowsOf(rows, columns), setting);
  expect(headersOf('a.csv')).toEqual({ 'content-type': 'text/csv' });
  expect(headersOf('b')).toEqual({ 'content-type': 'application/x-ndjson' });
  expect(headersOf('c.csv.gz')['content-encoding']).toBe(undefined);
  const [blob] = objects.get('c.csv.gz')!.blobs;
  expect(gunzipSync(readFileSync(blob!.file)).toString()).toBe('id,day\n1,mon\n2,tue\n');
});
