// The requests that read one resource: its templates filled, its pages one after another.
import type { CallOptions } from '../../engine/contracts/connector.ts';
import type { Row, Value } from '../../engine/contracts/data.ts';
import type { ManifestPagination, ManifestResource } from '../../schemas/generated/types.ts';
import { filterQuery } from './filters.ts';
import { type Page, pagesFrom } from './pages.ts';
import { type PageAt, pageParameters } from './pagination.ts';
import { recordsIn } from './records.ts';
import type { JsonAnswer, Service } from './service.ts';
import { filler, pathFiller } from './templates.ts';

/** What a request of a resource depends on. */
export interface RequestScope {
  /** Every filter, null where it is not used. */
  filters: Row;
  /** The record of the parent resource. */
  parent?: Row;
}

export interface Requests {
  pages(scope: RequestScope, from: PageAt | undefined, o: CallOptions): AsyncGenerator<Page>;
}

const names = ['config', 'filters', 'parent'] as const;

export function requestsOf(service: Service, resource: ManifestResource, shown: string): Requests {
  const { manifest, config, concurrency } = service;
  const { method = 'GET' } = resource;
  const pagination: ManifestPagination = resource.pagination ?? manifest.pagination ?? { kind: 'none' };
  const path = pathFiller(resource.path, names, shown);
  const query = filler((resource.query ?? {}) as Row, names, shown);
  const headers = filler((resource.headers ?? {}) as Record<string, string>, names, shown);
  const body = filler((resource.body ?? null) as Value, names, shown);
  const inBody = pagination.in === 'body';

  return {
    pages({ filters, parent }, from, o) {
      const scope = { config, filters, ...(parent === undefined ? {} : { parent }) };
      const shared = {
        path: path(scope),
        query: { ...query(scope), ...filterQuery(resource, filters) },
        headers: headers(scope) as Record<string, string>,
      };
      const plainBody = body(scope);
      const fetch = (at: PageAt | undefined, call: CallOptions): Promise<JsonAnswer> => {
        const parameters = pageParameters(pagination, at);
        const isUrl = at !== undefined && 'url' in at;
        const sent = inBody ? { ...(plainBody as Row | null), ...parameters } : plainBody;
        return service.call(
          {
            method,
            path: isUrl ? at.url : shared.path,
            // The address of a next page has everything in it.
            ...(isUrl ? {} : { query: inBody ? shared.query : { ...shared.query, ...parameters } }),
            headers: shared.headers,
            ...(sent === null ? {} : { body: sent }),
            reads: true,
          },
          call,
        );
      };
      const recordsOf = (answer: JsonAnswer) => recordsIn(answer, resource, manifest);
      return pagesFrom({ pagination, shown, concurrency, fetch, recordsOf }, from, o);
    },
  };
}
