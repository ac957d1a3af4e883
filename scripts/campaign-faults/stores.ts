// The stores of the fault campaign, by name.
import { dropboxStore } from './dropbox.ts';
import { httpStore } from './http.ts';
import { localStore } from './local.ts';
import { s3Store } from './s3.ts';
import { sftpStore } from './sftp.ts';
import type { FaultyStore } from './store.ts';

export type StoreName = 's3' | 'http' | 'dropbox' | 'sftp' | 'local';

export const faultyStores: Record<StoreName, () => Promise<FaultyStore>> = {
  s3: s3Store,
  http: httpStore,
  dropbox: dropboxStore,
  sftp: sftpStore,
  local: localStore,
};
