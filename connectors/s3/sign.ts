// Signatures of requests, as "Create a signed AWS API request" of the IAM User Guide says: version 4, with all headers.
import { createHmac, hash } from 'node:crypto';

export interface Keys {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string | undefined;
}

export interface Signed {
  method: string;
  host: string;
  /** Encoded, as it is sent. */
  path: string;
  /** Encoded and sorted; empty where there is none. */
  query: string;
  /** By lower-case name. */
  headers: Record<string, string>;
  body: Uint8Array | undefined;
  /** The store's time, in milliseconds. */
  nowMs: number;
}

const emptyPayload = sha256('');

/** Gives the headers to send. */
export function createSigner(region: string): (request: Signed, keys: Keys) => Record<string, string> {
  let key: { secret: string; day: string; bytes: Buffer } | undefined;
  let second = { number: Number.NaN, text: '' };

  const keyFor = (secret: string, day: string): Buffer => {
    if (key?.secret !== secret || key.day !== day) {
      const ofDay = hmac(`AWS4${secret}`, day);
      key = { secret, day, bytes: hmac(hmac(hmac(ofDay, region), 's3'), 'aws4_request') };
    }
    return key.bytes;
  };
  /** `20260131T060000Z` */
  const timeOf = (nowMs: number): string => {
    const number = Math.floor(nowMs / 1000);
    if (second.number !== number) {
      second = { number, text: new Date(nowMs).toISOString().replace(/[-:]|\.\d+/g, '') };
    }
    return second.text;
  };

  return (
    { method, host, path, query, headers: given, body, nowMs },
    { accessKeyId, secretAccessKey, sessionToken },
  ) => {
    const payload = body === undefined ? emptyPayload : sha256(body);
    const time = timeOf(nowMs);
    const headers: Record<string, string> = { ...given, host, 'x-amz-content-sha256': payload, 'x-amz-date': time };
    if (sessionToken !== undefined) headers['x-amz-security-token'] = sessionToken;
    const names = Object.keys(headers).sort();
    let lines = '';
    for (const name of names) lines += `${name}:${plain(headers[name]!)}\n`;
    const list = names.join(';');
    const day = time.slice(0, 8);
    const scope = `${day}/${region}/s3/aws4_request`;
    const canonical = sha256(`${method}\n${path}\n${query}\n${lines}\n${list}\n${payload}`);
    const signature = createHmac('sha256', keyFor(secretAccessKey, day))
      .update(`AWS4-HMAC-SHA256\n${time}\n${scope}\n${canonical}`)
      .digest('hex');
    headers.authorization = `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${list}, Signature=${signature}`;
    return headers;
  };
}

function plain(value: string): string {
  return value.includes('  ') ? value.trim().replace(/ +/g, ' ') : value.trim();
}

/** As addresses have it, but for the slashes of a key. */
export function encoded(text: string): string {
  if (/^[\w.~-]*$/.test(text)) return text;
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

export function encodedKey(key: string): string {
  return /^[\w.~/-]*$/.test(key) ? key : key.split('/').map(encoded).join('/');
}

function sha256(data: string | Uint8Array): string {
  return hash('sha256', data, 'hex');
}

function hmac(key: string | Buffer, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest();
}
