// Whether a request is signed as AWS Signature Version 4 wants it ("Create a signed AWS API request", IAM User Guide).
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

export interface S3Key {
  secret: string;
  /** Must come along when it is there. */
  token?: string;
}

export interface Refusal {
  status: number;
  code: string;
  message: string;
  more?: Record<string, string>;
}

const mostSkewMs = 15 * 60 * 1000;

/** Undefined when the request may go on. */
export function refusalOf(
  request: IncomingMessage,
  keys: ReadonlyMap<string, S3Key>,
  region: string,
): Refusal | undefined {
  const { headers } = request;
  const found =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
      headers.authorization ?? '',
    );
  if (found === null) return { status: 403, code: 'AccessDenied', message: 'Access Denied' };
  const [, id, day, asked, service, signedHeaders, signature] = found as unknown as string[];
  const key = keys.get(id!);
  if (key === undefined) {
    const message = 'The AWS Access Key Id you provided does not exist in our records.';
    return { status: 403, code: 'InvalidAccessKeyId', message };
  }
  if (key.token !== undefined && headers['x-amz-security-token'] !== key.token) {
    return { status: 400, code: 'ExpiredToken', message: 'The provided token has expired.' };
  }
  const time = String(headers['x-amz-date']);
  const at = Date.parse(time.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
  if (!(Math.abs(at - Date.now()) < mostSkewMs)) {
    const message = 'The difference between the request time and the current time is too large.';
    return { status: 403, code: 'RequestTimeTooSkewed', message };
  }
  if (service === 's3' && asked !== region) {
    const message = `The authorization header is malformed; the region '${asked}' is wrong; expecting '${region}'`;
    return { status: 400, code: 'AuthorizationHeaderMalformed', message, more: { Region: region } };
  }
  const [path, query = ''] = request.url!.split('?') as [string, string?];
  const canonicalQuery = query
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => (pair.includes('=') ? pair : `${pair}=`))
    .sort()
    .join('&');
  const lines = signedHeaders!.split(';').map((name) => `${name}:${String(headers[name]).trim().replace(/ +/g, ' ')}`);
  const payload = String(headers['x-amz-content-sha256']);
  const canonical = [request.method, path, canonicalQuery, ...lines, '', signedHeaders, payload].join('\n');
  const scope = `${day}/${asked}/${service}/aws4_request`;
  const text = ['AWS4-HMAC-SHA256', time, scope, sha256(canonical)].join('\n');
  const hmac = (secret: string | Buffer, data: string) => createHmac('sha256', secret).update(data).digest();
  const signing = hmac(hmac(hmac(hmac(`AWS4${key.secret}`, day!), asked!), service!), 'aws4_request');
  if (timingSafeEqual(hmac(signing, text), Buffer.from(signature!, 'hex'))) return undefined;
  const message = 'The request signature we calculated does not match the signature you provided.';
  return { status: 403, code: 'SignatureDoesNotMatch', message };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
