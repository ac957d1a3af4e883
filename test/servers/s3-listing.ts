// The listings of the S3 server: ListObjectsV2 and ListMultipartUploads.
import { xml } from './s3-answers.ts';
import type { Bucket, S3Store } from './s3-store.ts';

/** Url-encoded keys, as `encoding-type=url` asks. The token to go on with is the last key or folder given. */
export function listing(bucket: Bucket, query: URLSearchParams): string {
  const prefix = Buffer.from(query.get('prefix') ?? '');
  const delimiter = query.get('delimiter') ?? '';
  const most = Math.min(1000, Number(query.get('max-keys') ?? 1000));
  const token = query.get('continuation-token');
  const after = Buffer.from(token === null ? (query.get('start-after') ?? '') : token, token === null ? 'utf8' : 'hex');
  const keys = bucket.keys();
  const encode = query.get('encoding-type') === 'url' ? encoded : (text: string) => text;
  const from = Buffer.compare(prefix, after) > 0 ? prefix : after;
  let at = firstFrom(keys, from);
  const given: string[] = [];
  let last = Buffer.alloc(0);
  let count = 0;
  for (; at < keys.length && count < most; at++) {
    const { text, bytes } = keys[at]!;
    if (!bytes.subarray(0, prefix.length).equals(prefix)) break;
    if (after.length > 0 && Buffer.compare(bytes, after) <= 0) continue;
    // All below a folder that was given last time.
    if (delimiter !== '' && after.toString().endsWith(delimiter) && text.startsWith(after.toString())) continue;
    const rest = text.slice(prefix.toString().length);
    const folder = delimiter === '' ? -1 : rest.indexOf(delimiter);
    if (folder >= 0) {
      const common = prefix.toString() + rest.slice(0, folder + delimiter.length);
      given.push(`<CommonPrefixes>${xml('Prefix', encode(common))}</CommonPrefixes>`);
      last = Buffer.from(common);
      while (at + 1 < keys.length && keys[at + 1]!.text.startsWith(common)) at++;
    } else {
      const { etag, size, modified } = bucket.objects.get(text)!;
      given.push(
        `<Contents>${xml('Key', encode(text))}${xml('LastModified', modified.toISOString())}${xml('ETag', etag)}${xml('Size', `${size}`)}</Contents>`,
      );
      last = bytes as Buffer<ArrayBuffer>;
    }
    count++;
  }
  const more = at < keys.length && keys[at]!.bytes.subarray(0, prefix.length).equals(prefix);
  const type = query.has('encoding-type') ? xml('EncodingType', 'url') : '';
  const next = type + (more ? xml('NextContinuationToken', last.toString('hex')) : '');
  return `<ListBucketResult>${xml('IsTruncated', `${more}`)}${xml('KeyCount', `${count}`)}${next}${given.join('')}</ListBucketResult>`;
}

export function uploadListing(store: S3Store, bucket: string, query: URLSearchParams): string {
  const prefix = query.get('prefix') ?? '';
  const found = [...store.uploads.values()].filter((each) => each.bucket === bucket && each.key.startsWith(prefix));
  const encode = query.get('encoding-type') === 'url' ? encoded : (text: string) => text;
  const uploads = found.map(({ id, key }) => `<Upload>${xml('Key', encode(key))}${xml('UploadId', id)}</Upload>`);
  const type = query.has('encoding-type') ? xml('EncodingType', 'url') : '';
  return `<ListMultipartUploadsResult>${xml('IsTruncated', 'false')}${type}${uploads.join('')}</ListMultipartUploadsResult>`;
}

function firstFrom(keys: readonly { bytes: Buffer }[], from: Buffer): number {
  let [low, high] = [0, keys.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (Buffer.compare(keys[middle]!.bytes, from) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function encoded(text: string): string {
  return encodeURIComponent(text).replaceAll('%2F', '/').replaceAll('%20', '+');
}
