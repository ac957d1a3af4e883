// Removes objects: one, or up to a thousand in one request.
import { createHash } from 'node:crypto';
import type { CallOptions } from '../../engine/contracts/connector.ts';
import { payer, type Store } from './client.ts';
import type { Direct } from './direct.ts';
import type { Keys, Location } from './keys.ts';
import { fieldOf } from './listing.ts';

/** As many as DeleteObjects takes. */
const mostKeys = 1000;

export async function removeKey(store: Store, at: Location, { signal }: CallOptions): Promise<void> {
  await store.call('DeleteObject', at, { signal }, (client, sdk, o) =>
    client.send(new sdk.DeleteObjectCommand({ Bucket: at.bucket, Key: at.key, ...payer(store) }), o),
  );
}

/** Those that a listing has told of. What is gone already is no error. */
export async function removeKeys(store: Store, keys: Keys, paths: readonly string[], o: CallOptions): Promise<void> {
  const places = paths.map((path) => keys.at(path));
  for (const bucket of new Set(places.map((at) => at.bucket))) {
    const inBucket = places.filter((at) => at.bucket === bucket);
    for (let i = 0; i < inBucket.length; i += mostKeys) await removeSome(store, inBucket.slice(i, i + mostKeys), o);
  }
}

async function removeSome(store: Store, places: readonly Location[], { signal }: CallOptions): Promise<void> {
  const oneByOne = async (some: readonly Location[]) => {
    for (const at of some) await removeKey(store, at, { signal });
  };
  // XML cannot carry every character that a key may have.
  const plain = places.filter(({ key }) => !/[\x00-\x1f\ufffe\uffff]/.test(key));
  await oneByOne(places.filter((at) => !plain.includes(at)));
  const [first] = plain;
  if (first === undefined) return;
  const objects = plain.map(({ key }) => `<Object><Key>${escaped(key)}</Key></Object>`).join('');
  const body = Buffer.from(`<Delete><Quiet>true</Quiet>${objects}</Delete>`);
  const once = async (direct: Direct) => {
    const md5 = createHash('md5').update(body).digest('base64');
    const headers = { 'content-md5': md5, 'content-type': 'application/xml' };
    try {
      const answer = await direct.take({
        method: 'POST',
        bucket: first.bucket,
        key: '',
        query: { delete: '' },
        headers,
        body,
        signal,
      });
      refuseErrors(Buffer.concat(answer.body).toString());
      return true;
    } catch (error) {
      // Not every store knows it.
      if (unknown.has((error as Error).name)) return false;
      throw error;
    }
  };
  const removed =
    store.isDirect(first.bucket) &&
    (await store.retry(() => store.directly('DeleteObjects', first, { signal }, once), { signal }));
  if (!removed) await oneByOne(plain);
}

const unknown = new Set(['NotImplemented', 'MethodNotAllowed', 'MissingRequestBodyError', 'InvalidArgument']);

/** Throws the first error like one of a request for that key alone. */
function refuseErrors(xml: string): void {
  if (!/<(?:\/DeleteResult|DeleteResult[^>]*\/)>\s*$/.test(xml)) {
    throw Object.assign(new Error('the answer to DeleteObjects was cut'), { code: 'ECONNRESET' });
  }
  const start = xml.indexOf('<Error>');
  if (start < 0) return;
  const end = xml.indexOf('</Error>', start);
  const text = xml.slice(start, end);
  const field = (name: string) => fieldOf(text, name, text.length) ?? '';
  const error = new Error(`${field('Message')} (${field('Key')})`);
  error.name = field('Code');
  throw Object.assign(error, { $metadata: { httpStatusCode: error.name === 'AccessDenied' ? 403 : 500 } });
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('\r', '&#13;');
}
