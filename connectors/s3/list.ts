// What lies below a path, page by page.
import type { ListObjectsV2CommandInput, ListObjectsV2CommandOutput } from '@aws-sdk/client-s3';
import type { Entry, ListOptions } from '../../engine/contracts/connector.ts';
import { Failure, failure } from '../../engine/errors.ts';
import { didYouMean } from '../../engine/suggest.ts';
import { contentTypeOf } from '../shared/content-type.ts';
import { payer, type Store } from './client.ts';
import type { Direct } from './direct.ts';
import { isAbsent } from './failures.ts';
import type { Keys, Location } from './keys.ts';
import { decoded, type Page, pageOf, scanned } from './listing.ts';
import { type Found, look, md5Of, readBytes } from './read.ts';

/** Keys come in the order of their bytes, in which a folder sorts as if its name ended in `/`. */
export async function* list(store: Store, keys: Keys, path: string, o: ListOptions): AsyncGenerator<Entry> {
  const at = keys.at(path);
  if (at.bucket === '') {
    yield* listBuckets(store, keys, at, o);
    return;
  }
  const prefix = asFolder(at.key);
  const entryOf = (key: string, found: Found): Entry => {
    const inner = keys.pathOf(at.bucket, key);
    const name = inner.slice(inner.lastIndexOf('/') + 1);
    const place = { ...at, key, shown: keys.at(inner).shown };
    return {
      kind: 'file',
      name,
      path: inner,
      contentType: found.contentType ?? contentTypeOf(name),
      ...(found.size === undefined ? {} : { size: found.size }),
      ...(found.modified === undefined ? {} : { modified: found.modified }),
      ...(found.etag === undefined ? {} : { version: found.etag }),
      ...md5Of(found.etag),
      open: (range) => readBytes(store, place, found, range, o.signal),
    };
  };
  let any = false;
  for await (const page of pages(store, { ...at, key: prefix }, o)) {
    const { folders, files } = page;
    any ||= folders.length + files.length > 0;
    const both = folders.length === 0 ? files : [...folders, ...files];
    if (o.sorted && folders.length > 0) both.sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)));
    for (const { key, found } of both) {
      // The mark of the folder itself.
      if (key === prefix) continue;
      if (found !== undefined && !key.endsWith('/')) yield entryOf(key, found);
      else yield folderEntry(keys.pathOf(at.bucket, key));
      o.signal.throwIfAborted();
    }
  }
  if (any || at.root) return;
  if (!at.key.endsWith('/')) {
    const found = await look(store, at, o.signal).catch((error: unknown) => {
      if (isAbsent(error)) return undefined;
      throw error;
    });
    if (found !== undefined) {
      yield entryOf(at.key, found);
      return;
    }
  }
  throw await absent(store, at, o.signal);
}

export function asFolder(key: string): string {
  return key === '' || key.endsWith('/') ? key : `${key}/`;
}

function folderEntry(path: string): Entry {
  const plain = path.replace(/\/+$/, '');
  return { kind: 'folder', name: plain.slice(plain.lastIndexOf('/') + 1), path: plain };
}

/** The next page is asked for while the last one is being used. */
async function* pages(store: Store, at: Location, { recursive, signal }: ListOptions): AsyncGenerator<Page> {
  const input = (token: string | undefined) => ({
    Bucket: at.bucket,
    Prefix: at.key,
    // Keys may have characters that XML has not.
    EncodingType: 'url' as const,
    ...payer(store),
    ...(recursive ? {} : { Delimiter: '/' }),
    ...(token === undefined ? {} : { ContinuationToken: token }),
  });
  const page = async (token?: string): Promise<Page> => {
    const scan = async (direct: Direct) => scanned(await textOfPage(direct, at.bucket, input(token), signal));
    const found = store.isDirect(at.bucket)
      ? await store.retry(() => store.directly('ListObjectsV2', at, { signal }, scan), { signal })
      : undefined;
    if (found !== undefined) return found;
    const answer = await store.call('ListObjectsV2', at, { signal }, (client, sdk, o) =>
      client.send(new sdk.ListObjectsV2Command(input(token)), o),
    );
    return pageOf(checkListing(store, answer));
  };
  let next: Promise<Page> | undefined = page();
  try {
    while (next !== undefined) {
      const got: Page = await next;
      next = got.next === undefined ? undefined : page(got.next);
      // Told to whoever awaits it; never unhandled meanwhile.
      next?.catch(() => {});
      yield got;
    }
  } finally {
    await next?.catch(() => {});
  }
}

async function textOfPage(
  direct: Direct,
  bucket: string,
  { Prefix, EncodingType, Delimiter, ContinuationToken }: ListObjectsV2CommandInput,
  signal: AbortSignal,
): Promise<string> {
  const query = {
    'continuation-token': ContinuationToken,
    delimiter: Delimiter,
    'encoding-type': EncodingType,
    'list-type': '2',
    prefix: Prefix,
  };
  const { body } = await direct.take({ method: 'GET', bucket, key: '', query, headers: {}, signal });
  return Buffer.concat(body).toString();
}

/** What is no listing at all must not pass for an empty one. */
export function checkListing<T extends Pick<ListObjectsV2CommandOutput, 'IsTruncated' | 'KeyCount' | 'Name'>>(
  store: Store,
  page: T,
): T {
  if (page.IsTruncated !== undefined || page.KeyCount !== undefined || page.Name !== undefined) return page;
  const reason = `${store.connection}: what answers at ${store.config.endpoint ?? 'its address'} is no S3 store; look at \`endpoint\``;
  throw failure('CONNECTION_INVALID', { reason });
}

async function* listBuckets(store: Store, keys: Keys, at: Location, o: ListOptions): AsyncGenerator<Entry> {
  const { Buckets = [] } = await store.call('ListBuckets', at, o, (client, sdk, options) =>
    client.send(new sdk.ListBucketsCommand({}), options),
  );
  const names = Buckets.map(({ Name = '' }) => Name).sort();
  for (const name of names) {
    yield folderEntry(name);
    if (o.recursive) yield* list(store, keys, `${name}/`, o);
  }
}

/** What a folder has directly in it: whether anything, and the first names. */
export async function peek(store: Store, at: Location, signal: AbortSignal, most: number): Promise<string[]> {
  const folder = asFolder(at.key);
  const page = await store.call('ListObjectsV2', at, { signal }, (client, sdk, o) =>
    client.send(
      new sdk.ListObjectsV2Command({
        Bucket: at.bucket,
        Prefix: folder,
        Delimiter: '/',
        EncodingType: 'url',
        MaxKeys: most,
        ...payer(store),
      }),
      o,
    ),
  );
  const found = [
    ...(page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix),
    ...(page.Contents ?? []).map((c) => c.Key),
  ];
  return found.map((key) => decoded(key ?? '', page.EncodingType).slice(folder.length));
}

/** What reading a path where no object is fails with: it is a folder, or nothing, with the near names of its folder. */
export async function absent(store: Store, at: Location, signal: AbortSignal) {
  try {
    if ((await peek(store, at, signal, 1)).length > 0) {
      return failure('FILE_IS_FOLDER', { path: at.shown.replace(/\/+$/, '') });
    }
    const slash = at.key.replace(/\/+$/, '').lastIndexOf('/');
    const names = await peek(store, { ...at, key: at.key.slice(0, slash + 1) }, signal, 1000);
    const near = didYouMean(
      at.key.slice(slash + 1).replace(/\/+$/, ''),
      names.map((name) => name.replace(/\/$/, '')),
    );
    return failure('NOT_FOUND', { path: at.shown, hint: near });
  } catch (error) {
    // Who may read may not always list. Whatever else is wrong says nothing of what is there.
    if (!(error instanceof Failure) || error.code !== 'PERMISSION_DENIED') throw error;
    return failure('NOT_FOUND', { path: at.shown });
  }
}
