// The temporary credential of a role, from the Security Token Service (API reference: AssumeRole, AssumeRoleWithWebIdentity).
import { readFile } from 'node:fs/promises';
import { asFailure, failure } from '../../engine/errors.ts';
import type { Config } from './client.ts';

interface Key {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

const answerMs = 20_000;

/** Asked again by the SDK shortly before it expires. Without a key of one's own and a token file, the SDK's own chain signs. */
export function roleCredential(
  config: Config,
  own: Key | undefined,
  connection: string,
  region: string,
): () => Promise<Key & { expiration: Date }> {
  const endpoint = process.env.AWS_ENDPOINT_URL_STS ?? `https://sts.${region}.amazonaws.com`;
  return async () => {
    const fields: Record<string, string> = {
      Version: '2011-06-15',
      RoleArn: config.role_arn!,
      RoleSessionName: 'pipewright',
    };
    const tokenFile = config.web_identity_token_file;
    if (tokenFile !== undefined) {
      fields.Action = 'AssumeRoleWithWebIdentity';
      fields.WebIdentityToken = (
        await readFile(tokenFile, 'utf8').catch((error: unknown) => {
          throw asFailure(error, tokenFile);
        })
      ).trim();
    } else {
      fields.Action = 'AssumeRole';
      if (config.external_id !== undefined) fields.ExternalId = config.external_id;
    }
    const body = new URLSearchParams(fields).toString();
    const headers: Record<string, string> = {
      host: new URL(endpoint).host,
      'content-type': 'application/x-www-form-urlencoded; charset=utf-8',
    };
    const signed =
      tokenFile === undefined ? await sign(new URL(endpoint), headers, body, own, config, region) : headers;
    const { host: _, ...sent } = signed;
    let response: Response;
    try {
      response = await fetch(endpoint, {
        method: 'POST',
        body,
        headers: sent,
        redirect: 'error',
        signal: AbortSignal.timeout(answerMs),
      });
    } catch (error) {
      throw failure(
        'CONNECTION_REFUSED',
        { host: new URL(endpoint).host, hint: ', which gives out roles' },
        {
          cause: error,
        },
      );
    }
    const text = await response.text();
    const field = (name: string) => new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1];
    const [accessKeyId, secretAccessKey, sessionToken] = [
      field('AccessKeyId'),
      field('SecretAccessKey'),
      field('SessionToken'),
    ];
    if (!response.ok || accessKeyId === undefined || secretAccessKey === undefined || sessionToken === undefined) {
      const reason = `the role ${config.role_arn} was not given (${field('Code') ?? response.status}): ${field('Message') ?? 'no reason told'}`;
      throw failure('CREDENTIAL_REFUSED', { connection, reason });
    }
    return { accessKeyId, secretAccessKey, sessionToken, expiration: new Date(field('Expiration') ?? Date.now()) };
  };
}

/** The signer of a client made for this, which also finds the machine's own credential where there is none. */
async function sign(
  url: URL,
  headers: Record<string, string>,
  body: string,
  own: Key | undefined,
  config: Config,
  region: string,
): Promise<Record<string, string>> {
  const { S3Client } = await import('@aws-sdk/client-s3');
  const client = new S3Client({
    region,
    ...(own === undefined ? {} : { credentials: own }),
    ...(config.profile === undefined ? {} : { profile: config.profile }),
  });
  try {
    const signer = (await client.config.signer({
      name: 'sigv4',
      signingName: 'sts',
      signingRegion: region,
      properties: {},
    })) as { sign(request: object, o: object): Promise<{ headers: Record<string, string> }> };
    const request = {
      method: 'POST',
      protocol: url.protocol,
      hostname: url.hostname,
      ...(url.port === '' ? {} : { port: Number(url.port) }),
      path: '/',
      query: {},
      headers,
      body,
    };
    return (await signer.sign(request, { signingService: 'sts', signingRegion: region })).headers;
  } finally {
    client.destroy();
  }
}
