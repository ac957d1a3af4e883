// Where the next page is: what one answer, or the number of the page before, says of it.
import type { Value } from '../../engine/contracts/data.ts';
import type { ManifestPagination } from '../../schemas/generated/types.ts';
import type { JsonAnswer } from './service.ts';
import { pointed } from './templates.ts';

/** Which page; JSON, so that it can be kept as a checkpoint. Exactly one of them. */
export type PageAt = { page: number } | { offset: number } | { cursor: Value } | { url: string };

/** The first page, where it has a number. */
export function firstPage({ kind, start = 1 }: ManifestPagination): PageAt | undefined {
  if (kind === 'page') return { page: start };
  return kind === 'offset' ? { offset: 0 } : undefined;
}

/** The parameters that ask for the page. */
export function pageParameters(pagination: ManifestPagination, at: PageAt | undefined): Record<string, Value> {
  const { param, size_param: sizeParam, size } = pagination;
  const asked: Record<string, Value> = {};
  if (sizeParam !== undefined && size !== undefined) asked[sizeParam] = size;
  if (at !== undefined && param !== undefined && !('url' in at)) asked[param] = Object.values(at)[0] as Value;
  return asked;
}

/** The page after this one, or undefined after the last. */
export function nextPage(
  pagination: ManifestPagination,
  at: PageAt | undefined,
  answer: JsonAnswer,
  records: readonly Value[],
): PageAt | undefined {
  const { kind, more } = pagination;
  if (kind === 'none') return undefined;
  if (more !== undefined && isNo(pointed(answer.body, more))) return undefined;
  switch (kind) {
    case 'page':
      return more === undefined && isLast(pagination, records)
        ? undefined
        : { page: (at as { page: number }).page + 1 };
    case 'offset': {
      const { offset } = at as { offset: number };
      if (records.length === 0 || (more === undefined && isLast(pagination, records))) return undefined;
      return { offset: offset + records.length };
    }
    case 'cursor': {
      const cursor = cursorOf(pagination, answer, records);
      return isNo(cursor) ? undefined : { cursor: cursor! };
    }
    case 'next_url': {
      const next = pointed(answer.body, pagination.pointer!);
      return isNo(next) ? undefined : { url: new URL(String(next), answer.url).href };
    }
    case 'link': {
      const next = linkOf(answer.headers.link ?? '', 'next');
      return next === undefined ? undefined : { url: new URL(next, answer.url).href };
    }
  }
}

/** Whether pages can be asked for before those in front of them are there. */
export function isCountable({ kind, size, stop = 'short' }: ManifestPagination): boolean {
  return kind === 'page' || (kind === 'offset' && size !== undefined && stop === 'short');
}

/** The page that follows where all pages are full. */
export function countOn({ size }: ManifestPagination, at: PageAt): PageAt {
  return 'page' in at ? { page: at.page + 1 } : { offset: (at as { offset: number }).offset + size! };
}

function isLast({ size, stop = 'short' }: ManifestPagination, records: readonly Value[]): boolean {
  return stop === 'short' && size !== undefined ? records.length < size : records.length === 0;
}

function cursorOf(pagination: ManifestPagination, answer: JsonAnswer, records: readonly Value[]): Value | undefined {
  const { pointer, field, header, more } = pagination;
  if (pointer !== undefined) return pointed(answer.body, pointer);
  if (header !== undefined) return answer.headers[header.toLowerCase()];
  if (records.length === 0 || (more === undefined && isLast(pagination, records))) return undefined;
  return pointed(records.at(-1), `/${(field ?? 'id').replaceAll('~', '~0').replaceAll('/', '~1')}`);
}

function isNo(value: Value | undefined): boolean {
  return value === undefined || value === null || value === '' || value === false || value === 'false';
}

/** The target of a link header (RFC 8288) with this relation. */
function linkOf(header: string, relation: string): string | undefined {
  for (const [, target, parameters] of header.matchAll(/<([^>]*)>((?:\s*;\s*[^,;="]+(?:=(?:"[^"]*"|[^,;]*))?)*)/g)) {
    const named = /;\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,]+))/i.exec(parameters!);
    if ((named?.[1] ?? named?.[2] ?? '').toLowerCase().split(/\s+/).includes(relation)) return target;
  }
  return undefined;
}
