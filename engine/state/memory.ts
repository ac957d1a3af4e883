// State in memory, for embedding: the same promises, for as long as the process lives.
import type { Value } from '../contracts/data.ts';
import type { RunEvent, RunReport } from '../contracts/run.ts';
import type { Held, NewRun, Position, RunRecord, StateStore } from '../contracts/state.ts';
import { isGone } from './holder.ts';
import { digestOf, isSurplus, matches, summaryOf } from './runs.ts';

interface Lock extends Held {
  until: number;
}

interface Run {
  started: NewRun;
  aliveUntil: number;
  events: RunEvent[];
  report?: RunReport;
}

const firstLeaseMs = 60_000;

export function createMemoryState(): StateStore {
  const positions = new Map<string, Map<string, Position>>();
  const values = new Map<string, { value: string; until: number }>();
  const locks = new Map<string, Lock>();
  const documents = new Map<string, Value>();
  const runs = new Map<string, Run>();
  const keyOf = (space: string, key: string) => JSON.stringify([space, key]);
  const recordOf = ({ started, report, aliveUntil }: Run): RunRecord => {
    const { holder, ...rest } = started;
    const alive = aliveUntil > Date.now() && !isGone(holder);
    return copy({
      ...summaryOf(rest, report, alive),
      hash: digestOf(JSON.stringify(rest.definition)),
      ...(rest.file === undefined ? {} : { file: rest.file }),
      definition: rest.definition,
      params: rest.params,
      ...(report && { report }),
    });
  };
  const newest = () => [...runs.values()].map(recordOf).sort((a, b) => (a.started < b.started ? 1 : -1));

  return {
    name: 'memory',
    durable: false,
    async positions(pipe) {
      return copy(Object.fromEntries(positions.get(pipe) ?? []));
    },
    async setPositions(pipe, changes) {
      const own = new Map(positions.get(pipe));
      for (const [name, position] of Object.entries(changes)) {
        if (position === undefined) own.delete(name);
        else own.set(name, JSON.parse(JSON.stringify(position)) as Position);
      }
      positions.set(pipe, own);
    },
    async get(space, key) {
      const found = values.get(keyOf(space, key));
      return found === undefined || found.until <= Date.now() ? undefined : (JSON.parse(found.value) as Value);
    },
    async values(space) {
      const found: Record<string, Value> = {};
      for (const [name, { value, until }] of values) {
        const [own, key] = JSON.parse(name) as [string, string];
        if (own === space && until > Date.now()) found[key] = JSON.parse(value) as Value;
      }
      return found;
    },
    async set(space, key, value, { ttlMs } = {}) {
      values.set(keyOf(space, key), {
        value: JSON.stringify(value),
        until: ttlMs === undefined ? Number.POSITIVE_INFINITY : Date.now() + ttlMs,
      });
    },
    async remove(space, key) {
      values.delete(keyOf(space, key));
    },
    async lock(name, owner, { holder, leaseMs }) {
      const now = Date.now();
      const held = locks.get(name);
      if (held !== undefined && held.owner !== owner && held.until > now && !isGone(held.holder)) {
        const { until: _, ...who } = held;
        return who;
      }
      const since = held?.owner === owner ? held.since : new Date(now).toISOString();
      locks.set(name, { owner, holder, since, until: now + leaseMs });
      return undefined;
    },
    async unlock(name, owner) {
      if (locks.get(name)?.owner === owner) locks.delete(name);
    },
    async document(kind, name) {
      return copy(documents.get(keyOf(kind, name)));
    },
    async change(kind, name, work) {
      const key = keyOf(kind, name);
      const before = copy(documents.get(key));
      const { after, result } = work(before);
      if (after === undefined) documents.delete(key);
      else documents.set(key, copy(after));
      return result;
    },
    async startRun(run) {
      runs.set(run.id, { started: copy(run), aliveUntil: Date.now() + firstLeaseMs, events: [] });
    },
    async addEvents(id, events, leaseMs) {
      const run = runs.get(id);
      if (run === undefined) return;
      run.events.push(...copy(events));
      run.aliveUntil = Date.now() + leaseMs;
    },
    async endRun(report) {
      const run = runs.get(report.run);
      if (run !== undefined) run.report = copy(report);
    },
    async runs(filter = {}) {
      return newest()
        .filter((run) => matches(run, filter))
        .slice(0, filter.limit ?? 50)
        .map(({ hash: _, definition: __, params: ___, report: ____, ...summary }) => summary);
    },
    async run(id) {
      const run = runs.get(id);
      return run === undefined ? undefined : recordOf(run);
    },
    async events(id) {
      return copy(runs.get(id)?.events ?? []);
    },
    async prune(keep) {
      const gone = newest()
        .filter(({ status }) => status !== 'running')
        .filter(isSurplus(keep));
      for (const { id } of gone) runs.delete(id);
      return gone.length;
    },
    async close() {},
  };
}

function copy<T>(value: T): T {
  return structuredClone(value);
}
