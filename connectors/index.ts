// The shipped connectors by name, each loaded when it is first used.
import type { AnyConnector } from '../engine/contracts/connector.ts';
import type { ManifestParts } from '../engine/parts.ts';
import { apis } from '../schemas/generated/apis.ts';

/** Those that are described by a manifest in apis/. */
const services = Object.fromEntries(
  Object.entries(apis).map(([name, load]) => [
    name,
    async () => (await import('./rest/index.ts')).restConnector(await load()),
  ]),
);

export const connectors = {
  ...services,
  dropbox: () => import('./dropbox/index.ts').then((module) => module.connector),
  http: () => import('./http/index.ts').then((module) => module.connector),
  local: () => import('./local/index.ts').then((module) => module.connector),
  mysql: () => import('./mysql/index.ts').then((module) => module.connector),
  postgres: () => import('./postgres/index.ts').then((module) => module.connector),
  s3: () => import('./s3/index.ts').then((module) => module.connector),
  sftp: () => import('./sftp/index.ts').then((module) => module.connector),
  smtp: () => import('./smtp/index.ts').then((module) => module.connector),
  sqlite: () => import('./sqlite/index.ts').then((module) => module.connector),
} satisfies Record<string, () => Promise<AnyConnector>>;

/** What makes connectors of the manifests of a project. */
export const manifests: ManifestParts = {
  check: async (manifest, report) => (await import('./rest/check.ts')).checkManifest(manifest, report),
  connector: async (manifest) => (await import('./rest/index.ts')).restConnector(manifest),
};
