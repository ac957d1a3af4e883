// The filters of a read: what may be given, what must be, and what the request makes of it.
import type { Row, Value } from '../../engine/contracts/data.ts';
import { failure } from '../../engine/errors.ts';
import { didYouMean } from '../../engine/suggest.ts';
import type { ManifestFilter, ManifestResource } from '../../schemas/generated/types.ts';
import { timeTo } from './times.ts';

/** The value of every filter, as the service wants it, null for one that is not used. Throws OPTION_UNSUPPORTED, VALUE_INVALID. */
export function filterValues(resource: ManifestResource, given: Row, shown: string): Row {
  const filters = resource.filters ?? {};
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(filters, name)) continue;
    const names = Object.keys(filters);
    const known = names.length === 0 ? '; it has no filters' : `; it has ${names.join(', ')}`;
    const hint = didYouMean(name, names) || known;
    throw failure('OPTION_UNSUPPORTED', { what: `the filter "${name}"`, where: shown, hint });
  }
  return Object.fromEntries(
    Object.entries(filters).map(([name, filter]) => {
      const value = given[name] ?? (filter.default as Value | undefined) ?? null;
      if (value === null && filter.required === true) {
        throw failure('OPTION_UNSUPPORTED', {
          what: `a read without the filter "${name}"`,
          where: shown,
          hint: filter.description === undefined ? '' : `: ${filter.description}`,
        });
      }
      return [name, value === null ? null : checked(name, filter, value, shown)];
    }),
  );
}

/** The query parameters of the filters that are no part of the path, the query or the body by name. */
export function filterQuery(resource: ManifestResource, values: Row): Row {
  const { path, query, body, headers } = resource;
  const written = `${path} ${JSON.stringify([query, body, headers])}`;
  return Object.fromEntries(
    Object.entries(resource.filters ?? {})
      .filter(
        ([name, { query: parameter }]) =>
          parameter !== undefined || !new RegExp(`filters\\.\\??${name}\\b`).test(written),
      )
      .map(([name, { query: parameter }]) => [parameter ?? name, values[name]!]),
  );
}

function checked(name: string, filter: ManifestFilter, value: Value, shown: string): Value {
  const where = `${shown}, filter "${name}"`;
  const wrong = (expected: string) =>
    failure('VALUE_INVALID', {
      where,
      value: typeof value === 'string' ? JSON.stringify(value) : String(value),
      expected,
    });
  if (filter.enum !== undefined && !filter.enum.includes(value)) throw wrong(`one of ${filter.enum.join(', ')}`);
  switch (filter.type ?? 'string') {
    case 'integer':
      if (typeof value !== 'bigint' && !Number.isInteger(Number(value))) throw wrong('a whole number');
      return value;
    case 'number':
      if (typeof value !== 'bigint' && Number.isNaN(Number(value))) throw wrong('a number');
      return value;
    case 'boolean':
      if (typeof value !== 'boolean') throw wrong('true or false');
      return value;
    case 'date':
    case 'date-time':
      if (typeof value !== 'string' || Number.isNaN(Date.parse(value))) throw wrong('a date or a time');
      return timeTo(value, filter.format ?? (filter.type === 'date' ? 'date' : 'iso'));
    default:
      return value;
  }
}
