// The pages of a resource in their order, fetched ahead of whoever takes them.
import type { CallOptions } from '../../engine/contracts/connector.ts';
import type { Value } from '../../engine/contracts/data.ts';
import { failure } from '../../engine/errors.ts';
import type { ManifestPagination } from '../../schemas/generated/types.ts';
import { countOn, firstPage, isCountable, nextPage, type PageAt } from './pagination.ts';
import type { JsonAnswer } from './service.ts';

export interface Page {
  records: readonly Value[];
  /** The page to go on with after this one; undefined after the last. */
  next: PageAt | undefined;
}

export interface PageSource {
  pagination: ManifestPagination;
  /** For errors: the path of the resource. */
  shown: string;
  /** How many requests may be under way at once. */
  concurrency: number;
  fetch(at: PageAt | undefined, o: CallOptions): Promise<JsonAnswer>;
  recordsOf(answer: JsonAnswer): readonly Value[];
}

/** All pages from `from` on. What was fetched ahead and is not wanted is ended with the iteration. */
export async function* pagesFrom(
  source: PageSource,
  from: PageAt | undefined,
  { signal }: CallOptions,
): AsyncGenerator<Page> {
  const { pagination, concurrency } = source;
  const ended = new AbortController();
  const o = { signal: AbortSignal.any([signal, ended.signal]) };
  const load = async (at: PageAt | undefined): Promise<Page> => {
    const answer = await source.fetch(at, o);
    const records = source.recordsOf(answer);
    return { records, next: nextPage(pagination, at, answer, records) };
  };
  const ahead: { at: PageAt | undefined; page: Promise<Page> }[] = [];
  const begin = (at: PageAt | undefined) => {
    const page = load(at);
    // Whoever waits for it hears of its failure; a page that nobody wants any more fails in silence.
    page.catch(() => {});
    ahead.push({ at, page });
  };
  const repeats = createRepeats(source.shown);
  const countable = isCountable(pagination);
  try {
    begin(from ?? firstPage(pagination));
    for (let first = true; ahead.length > 0; first = false) {
      const { at, page: coming } = ahead.shift()!;
      const page = await coming;
      repeats.check(page, countable);
      if (page.next !== undefined) {
        if (ahead.length === 0) begin(page.next);
        // Only once a second page is known to be there: most reads are of one.
        while (countable && !first && ahead.length < concurrency) begin(countOn(pagination, ahead.at(-1)!.at ?? at!));
      }
      yield page;
      if (page.next === undefined) return;
    }
  } finally {
    ended.abort();
  }
}

/**
 * Finds pages that come again for ever. Of cursors and addresses one is kept and compared with all that follow, at each
 * power of two the newest (R. P. Brent, 1980), which finds any circle; numbered pages must differ from the one before.
 */
function createRepeats(shown: string) {
  let kept: string | undefined;
  let seen = 0;
  let keepAt = 1;
  return {
    check({ records, next }: Page, numbered: boolean): void {
      if (next === undefined) return;
      const mark = numbered ? markOf(records) : JSON.stringify(next);
      if (mark !== undefined && mark === kept) {
        const page = numbered
          ? `the one with ${records.length} records`
          : `which comes after ${Object.values(next)[0]}`;
        throw failure('PAGES_REPEAT', { path: shown, page });
      }
      seen++;
      if (numbered || seen === keepAt) {
        kept = mark;
        keepAt *= 2;
      }
    },
  };
}

/** Nothing for a page so short that the next may well be equal. */
function markOf(records: readonly Value[]): string | undefined {
  if (records.length < 2) return undefined;
  return `${records.length} ${textOf(records[0]!)} ${textOf(records.at(-1)!)}`;
}

function textOf(value: Value): string {
  return JSON.stringify(value, (_, field) => (typeof field === 'bigint' ? String(field) : field));
}
