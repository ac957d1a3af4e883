// What a read of a resource is made of: one row of pages, one for each parent record, or one for each stretch of time.
import type { CallOptions, ReadOptions } from '../../engine/contracts/connector.ts';
import type { Row, Value } from '../../engine/contracts/data.ts';
import { durationMs } from '../../engine/duration.ts';
import { failure } from '../../engine/errors.ts';
import type { ManifestResource } from '../../schemas/generated/types.ts';
import { filterValues } from './filters.ts';
import { inOrder } from './ordered.ts';
import type { PageAt } from './pagination.ts';
import { requestsOf } from './requests.ts';
import type { Service } from './service.ts';
import { pointed } from './templates.ts';

/** Records in their order, and where to go on after them. */
export interface Part {
  records: readonly Value[];
  /** Columns to put into every record. */
  extra?: Row;
  checkpoint: Checkpoint;
}

/** JSON. `done`: nothing comes after it. */
export type Checkpoint =
  | { done: true }
  | { page: PageAt }
  /** So many parents of the page of parents are done, and the pages of the next one up to `page`. */
  | { parents: PageAt | null; taken: number; page?: PageAt }
  /** The stretch that begins there is done up to `page`. */
  | { from: string; page?: PageAt };

export interface Reading {
  service: Service;
  resource: ManifestResource;
  shown: string;
  /** As the user gave them. */
  filters: Row;
  partition?: ReadOptions['partition'];
  after?: Checkpoint;
}

export function partsOf(reading: Reading, o: CallOptions): AsyncGenerator<Part> {
  if (reading.after !== undefined && 'done' in reading.after) return nothing();
  if (reading.resource.parent !== undefined) return byParent(reading, o);
  return reading.partition === undefined ? plain(reading, o) : byTime(reading, o);
}

async function* nothing(): AsyncGenerator<Part> {}

async function* plain({ service, resource, shown, filters, after }: Reading, o: CallOptions): AsyncGenerator<Part> {
  const values = filterValues(resource, filters, shown);
  const from = after !== undefined && 'page' in after ? after.page : undefined;
  for await (const { records, next } of requestsOf(service, resource, shown).pages({ filters: values }, from, o)) {
    yield { records, checkpoint: next === undefined ? { done: true } : { page: next } };
  }
}

async function* byParent(reading: Reading, o: CallOptions): AsyncGenerator<Part> {
  const { service, resource, shown, filters } = reading;
  const { resource: parentName, columns = {} } = resource.parent!;
  const parent = service.manifest.resources[parentName]!;
  const after = reading.after as { parents: PageAt | null; taken: number; page?: PageAt } | undefined;
  const has = (of: ManifestResource, name: string) => Object.hasOwn(of.filters ?? {}, name);
  const mine = Object.entries(filters).filter(([name]) => has(resource, name) || !has(parent, name));
  const theirs = Object.entries(filters).filter(([name]) => has(parent, name));
  const values = filterValues(resource, Object.fromEntries(mine), shown);
  const parentShown = `/${service.name}/${parentName}`;
  const parentValues = filterValues(parent, Object.fromEntries(theirs), parentShown);
  const requests = requestsOf(service, resource, shown);

  async function* parents() {
    const from = after?.parents ?? undefined;
    let at: PageAt | null = from ?? null;
    let skipped = after?.taken ?? 0;
    for await (const page of requestsOf(service, parent, parentShown).pages({ filters: parentValues }, from, o)) {
      for (const [i, record] of page.records.entries()) {
        if (i < skipped) continue;
        yield { record: record as Row, at, index: i, next: page.next, last: i === page.records.length - 1 };
      }
      skipped = 0;
      at = page.next ?? null;
    }
  }
  let begun = after?.page;
  yield* inOrder(parents(), service.concurrency, async function* ({ record, at, index, next, last }) {
    const extra = Object.fromEntries(
      Object.entries(columns).map(([name, field]) => [
        name,
        pointed(record, field.startsWith('/') ? field : `/${field}`) ?? null,
      ]),
    );
    const from = begun;
    begun = undefined;
    for await (const page of requests.pages({ filters: values, parent: record }, from, o)) {
      const here = { parents: at, taken: index };
      const done: Checkpoint = last
        ? next === undefined
          ? { done: true }
          : { parents: next, taken: 0 }
        : { parents: at, taken: index + 1 };
      yield { records: page.records, extra, checkpoint: page.next === undefined ? done : { ...here, page: page.next } };
    }
  });
}

async function* byTime(reading: Reading, o: CallOptions): AsyncGenerator<Part> {
  const { service, resource, shown, filters } = reading;
  const { partition } = resource;
  const refused = (what: string, hint = '') => failure('OPTION_UNSUPPORTED', { what, where: shown, hint });
  if (partition === undefined) throw refused('`partition`', ': its manifest does not say how to cut it');
  const after = reading.after as { from: string; page?: PageAt } | undefined;
  const given = filters[partition.from];
  if (typeof given !== 'string')
    throw refused('`partition`', ` without the filter "${partition.from}", from which it begins`);
  const until = Date.parse(String(filters[partition.to] ?? new Date().toISOString()));
  const stepMs = durationMs(partition.step ?? '1d');
  const requests = requestsOf(service, resource, shown);

  async function* stretches() {
    for (let at = Date.parse(after?.from ?? (given as string)); at < until; at += stepMs) {
      yield { from: new Date(at).toISOString(), to: new Date(Math.min(at + stepMs, until)).toISOString() };
    }
  }
  let begun = after?.page;
  yield* inOrder(stretches(), service.concurrency, async function* ({ from, to }) {
    const values = filterValues(resource, { ...filters, [partition.from]: from, [partition.to]: to }, shown);
    const first = begun;
    begun = undefined;
    for await (const page of requests.pages({ filters: values }, first, o)) {
      const done: Checkpoint = Date.parse(to) >= until ? { done: true } : { from: to };
      yield { records: page.records, checkpoint: page.next === undefined ? done : { from, page: page.next } };
    }
  });
}
