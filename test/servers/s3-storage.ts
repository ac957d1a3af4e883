// An empty bucket and a connection to it: on the server of the tests, or on the one that PIPE_TEST_S3_URL names.
import { randomBytes } from 'node:crypto';
import * as sdk from '@aws-sdk/client-s3';
import type { Config } from '../../connectors/s3/client.ts';
import { connector } from '../../connectors/s3/index.ts';
import type { AnyConnection } from '../../engine/contracts/connector.ts';
import type { Credential } from '../../engine/contracts/credentials.ts';
import { credentialOf } from '../../engine/secret.ts';
import { connectorContext } from '../conformance/files.ts';
import { type S3Server, startS3Server, testKey } from './s3.ts';

/** Small parts, few at once: what is in memory shows soon. */
export const smallParts: Config = { part_size: '5MiB', concurrency: 2 };

/** As a policy that allows nothing below a prefix. */
const accessDenied = { status: 403, code: 'AccessDenied', message: 'Access Denied' };

export const testCredential = credentialOf({ access_key_id: testKey.id, secret_access_key: testKey.secret });

export function connectTo(
  server: S3Server,
  config: Config = {},
  more: { credential?: Credential | (() => Credential); onRetry?: (code: string) => void } = {},
) {
  const context = connectorContext('lake', { credential: testCredential, ...more });
  return connector.open({ bucket: 'bucket', region: 'us-east-1', endpoint: server.url, ...config }, context);
}

export async function openS3Storage() {
  const url = process.env.PIPE_TEST_S3_URL;
  if (url === undefined) {
    const server = await startS3Server();
    return {
      connection: connectTo(server, smallParts),
      contents: async () => server.contents('bucket'),
      close: () => server.close(),
      async deny(connection: AnyConnection, folder: string) {
        server.fault = ({ key, query }) =>
          (query.get('prefix') ?? key).startsWith(`${folder}/`) ? { refuse: accessDenied } : undefined;
        const allow = async () => {
          server.fault = () => undefined;
        };
        return { connection, allow };
      },
    };
  }
  return openForeign(new URL(url));
}

/** `http://key:secret@host:port`. */
async function openForeign({ protocol, host, username, password }: URL) {
  const endpoint = `${protocol}//${host}`;
  const key = { accessKeyId: decodeURIComponent(username), secretAccessKey: decodeURIComponent(password) };
  const client = new sdk.S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials: key });
  const Bucket = `pipewright-${randomBytes(6).toString('hex')}`;
  await client.send(new sdk.CreateBucketCommand({ Bucket }));
  const keys = async () => {
    const found: string[] = [];
    for await (const page of sdk.paginateListObjectsV2({ client }, { Bucket, EncodingType: 'url' })) {
      for (const { Key = '' } of page.Contents ?? [])
        found.push(page.EncodingType === 'url' ? decodeURIComponent(Key.replaceAll('+', ' ')) : Key);
    }
    return found;
  };
  const credential = credentialOf({ access_key_id: key.accessKeyId, secret_access_key: key.secretAccessKey });
  return {
    connection: connector.open(
      { bucket: Bucket, region: 'us-east-1', endpoint, ...smallParts },
      connectorContext('lake', { credential }),
    ),
    async contents() {
      const { Uploads = [] } = await client.send(new sdk.ListMultipartUploadsCommand({ Bucket }));
      return [...(await keys()), ...Uploads.map(({ Key, UploadId }) => `${Key} (upload ${UploadId})`)].sort();
    },
    async close() {
      for (const Key of await keys()) await client.send(new sdk.DeleteObjectCommand({ Bucket, Key }));
      await client.send(new sdk.DeleteBucketCommand({ Bucket }));
      client.destroy();
    },
  };
}
