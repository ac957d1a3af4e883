// The s3 connector: a storage, and what is its own: keys, credentials, uploads, copies.
import { connector } from '../../connectors/s3/index.ts';
import { describeStorage } from '../conformance/storage.ts';
import { openS3Storage } from '../servers/s3-storage.ts';

describeStorage('s3', {
  connector,
  folders: false,
  append: false,
  exclusive: true,
  severalFiles: true,
  // Four parts of 5 MiB, and those that idle connections still hold.
  memoryBytes: 40 * 1024 * 1024,
  open: openS3Storage,
});
