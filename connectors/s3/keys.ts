// Which bucket and key a path means, and how they are shown.
import { failure } from '../../engine/errors.ts';
import type { S3Config } from '../../schemas/generated/types.ts';

export interface Location {
  /** Empty where the path names none: the buckets themselves. */
  bucket: string;
  /** Without a slash at the beginning; empty for the bucket itself. */
  key: string;
  /** It is the root of the connection, or of a bucket. */
  root: boolean;
  /** As the user would write it. */
  shown: string;
}

export interface Keys {
  /** Throws PATH_INVALID for what no key can be. */
  at(path: string): Location;
  /** The path in the connection of a key of that bucket. */
  pathOf(bucket: string, key: string): string;
}

/** So many bytes of UTF-8, says the User Guide. */
const longestKeyBytes = 1024;

export function createKeys(name: string, config: Pick<S3Config, 'bucket' | 'prefix'>): Keys {
  const prefix = config.prefix === undefined ? '' : config.prefix.replace(/^\/+/, '').replace(/(?<=[^/])$/, '/');
  return {
    at(path) {
      const plain = path.replace(/^\/+/, '');
      const shown = `/${name}/${plain}`.replace(/(?<=.)\/$/, plain === '' ? '' : '/');
      const refused = (reason: string) => failure('PATH_INVALID', { path: shown.replaceAll('\0', '␀'), reason });
      if (path.includes('\0')) throw refused('has a NUL in it');
      if (plain.split('/').some((part) => part === '.' || part === '..')) {
        throw refused('has a part "." or "..", which a store has not');
      }
      const [, first = '', rest = ''] = /^([^/]*)\/*(.*)$/s.exec(plain)!;
      const bucket = config.bucket ?? first;
      const inside = config.bucket === undefined ? rest : plain;
      const key = bucket === '' ? '' : prefix + inside;
      if (Buffer.byteLength(key) > longestKeyBytes) throw refused(`is longer than ${longestKeyBytes} bytes`);
      return { bucket, key, root: inside === '', shown };
    },
    pathOf(bucket, key) {
      const inside = key.slice(prefix.length);
      return config.bucket === undefined ? `${bucket}/${inside}` : inside;
    },
  };
}
