// Any service that a manifest describes: its resources as rows, and any other call with the credential put in.
import type {
  AnyConnector,
  Capability,
  Connector,
  ConnectorContext,
  Entry,
  Operations,
} from '../../engine/contracts/connector.ts';
import { asFailure, failure } from '../../engine/errors.ts';
import type { Manifest } from '../../schemas/generated/types.ts';
import { sendRequest } from '../shared/http/request.ts';
import { chosenAuth, oauthOf } from './access.ts';
import { readResource, resourceAt } from './read.ts';
import { rowMaker } from './records.ts';
import { type Config, openService } from './service.ts';
import { filler, pathFiller } from './templates.ts';
import { writeResource } from './write.ts';

/** The connector that a manifest makes. */
export function restConnector(manifest: Manifest): AnyConnector {
  const resources = Object.entries(manifest.resources);
  const writes = resources.some(([, { create, update, upsert }]) => create ?? update ?? upsert);
  const capabilities: Capability[] = ['list', 'read', ...(writes ? (['write'] as const) : []), 'request', 'describe'];
  const connector: Connector<Config> = {
    name: manifest.name,
    capabilities,
    stores: writes ? 'rows' : 'nothing',
    wired: true,
    open: (config, context) => open(manifest, config, context, writes) as never,
    oauth: (config) => oauthOf(chosenAuth(manifest, config.auth), config),
  };
  return connector as AnyConnector;
}

function open(manifest: Manifest, given: Config, context: ConnectorContext, writes: boolean) {
  const service = openService(manifest, given, context);
  const resources = Object.entries(manifest.resources);
  const operations: Partial<Operations> = {
    async *list(path, { signal }) {
      signal.throwIfAborted();
      if (path.replace(/\//g, '') !== '') {
        resourceAt(manifest, context.name, path);
        return;
      }
      for (const [name] of resources) yield { kind: 'resource', name, path: name } satisfies Entry;
    },

    read: (path, o) => readResource(service, path, o),

    request: (request, o) => sendRequest(service.client, context, request, o),

    async describe(path, { signal }) {
      signal.throwIfAborted();
      if (path.replace(/\//g, '') === '') return { kind: 'folder' };
      const { resource, shown } = resourceAt(manifest, context.name, path);
      return { kind: 'resource', columns: [...rowMaker(resource, shown).declared] };
    },
  };
  if (writes) {
    operations.write = (path, stream, o) => {
      if (stream.kind === 'files') throw failure('BUG', { reason: `files reached the ${manifest.name} connector` });
      return writeResource(service, path, stream, o);
    };
  }
  return {
    ...operations,

    async verify({ signal }: { signal: AbortSignal }) {
      signal.throwIfAborted();
      const { verify } = manifest;
      const where = `the manifest of ${manifest.name}`;
      const scope = { config: service.config };
      try {
        if (verify !== undefined) {
          const body = filler((verify.body ?? null) as never, ['config'], where)(scope);
          await service.call(
            {
              method: verify.method ?? 'GET',
              path: pathFiller(verify.path, ['config'], where)(scope),
              query: filler((verify.query ?? {}) as never, ['config'], where)(scope),
              ...(body === null ? {} : { body }),
              reads: true,
            },
            { signal },
          );
        }
        return { ok: true };
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        const { code, message } = asFailure(error, context.name);
        return { ok: false, code, reason: message };
      }
    },

    close: () => service.client.close(),
  };
}
