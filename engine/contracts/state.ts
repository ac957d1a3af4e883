// The contract of the state store: runs, positions, locks. Types only.
import type { Value } from './data.ts';
import type { RunEvent, RunReport } from './run.ts';

/** Where an incremental read stands. Values are made of what JSON has. */
export interface Position {
  /** Of what was read and by which columns; a position of something else is of no use. */
  definition: string;
  /** Read and delivered up to here; absent before the first. */
  value?: Value;
  /**
   * What a run had staged and was about to make visible. As long as it is there, some targets may have it and others
   * not: the next run delivers the same again. Without `until` nothing was read.
   */
  pending?: { after?: Value; until?: Value; run: string; started: string };
}

/** A process at work, for leases: one that is dead on this machine is known to be so before its lease has ended. */
export interface Holder {
  host: string;
  pid: number;
  /** When the process began, where the system tells; process ids are used again. */
  born?: string;
}

/** What of a run is known as it starts. */
export interface NewRun {
  id: string;
  pipe: string;
  /** ISO timestamp. */
  started: string;
  /** What started it: `cli`, `library`, `cron`. */
  trigger: string;
  /** The time of the schedule that it runs for. */
  scheduled?: string;
  /** The pipe file, from the root; absent for a definition that is none. */
  file?: string;
  /** As it was run, without secrets. */
  definition: Value;
  /** Without the secret ones. */
  params: Record<string, Value>;
  holder: Holder;
}

/** A run as a list shows it. `died`: its process ended without a word. */
export interface RunSummary {
  id: string;
  pipe: string;
  status: RunReport['status'] | 'running' | 'died';
  trigger: string;
  /** The time of the schedule that it ran for. */
  scheduled?: string;
  started: string;
  ended?: string;
  seconds?: number;
  /** Of all tasks together: what sources gave, what was refused. */
  rows?: number;
  rejected?: number;
  error?: { code: string; message: string };
}

export interface RunRecord extends RunSummary {
  /** Digest of the definition; equal for runs of the same one. */
  hash: string;
  /** As in NewRun. */
  file?: string;
  definition: Value;
  params: Record<string, Value>;
  /** Once it has ended. */
  report?: RunReport;
}

export interface RunFilter {
  pipe?: string;
  status?: RunSummary['status'];
  /** Started at or after. */
  since?: string;
  /** The newest so many; 50 unless told. */
  limit?: number;
}

/** What is remembered between runs. Safe with many processes at once; every change is whole. */
export interface StateStore {
  /** For messages: where it is. */
  readonly name: string;
  /** Whether it outlives the process. */
  readonly durable: boolean;
  positions(pipe: string): Promise<Readonly<Record<string, Position>>>;
  /** All of them or none; undefined removes one. Durable when it resolves. */
  setPositions(pipe: string, changes: Readonly<Record<string, Position | undefined>>): Promise<void>;
  /** Values for pipes, by space (a pipe's name) and key; gone after `ttlMs`. */
  get(space: string, key: string): Promise<Value | undefined>;
  /** All that are there, by key. */
  values(space: string): Promise<Record<string, Value>>;
  set(space: string, key: string, value: Value, o?: { ttlMs?: number }): Promise<void>;
  remove(space: string, key: string): Promise<void>;
  /** Takes the lock for `leaseMs`, or prolongs the caller's own. Gives who has it when it is another one. */
  lock(name: string, owner: string, o: { holder: Holder; leaseMs: number }): Promise<Held | undefined>;
  unlock(name: string, owner: string): Promise<void>;
  /** A document of one kind, as schedules keep their ticks and runs their places in. */
  document(kind: string, name: string): Promise<Value | undefined>;
  /** Reads a document and puts another in its place, and no other process comes in between. */
  change<T>(kind: string, name: string, work: (before: Value | undefined) => Change<T>): Promise<T>;
  startRun(run: NewRun): Promise<void>;
  /** Adds events to the history and shows that the run is alive for `leaseMs` more. */
  addEvents(run: string, events: readonly RunEvent[], leaseMs: number): Promise<void>;
  endRun(report: RunReport): Promise<void>;
  /** The newest first. */
  runs(filter?: RunFilter): Promise<RunSummary[]>;
  run(id: string): Promise<RunRecord | undefined>;
  events(run: string): Promise<RunEvent[]>;
  /** Removes runs that have ended: all but the newest so many of each pipe, and those older. Gives how many. */
  prune(keep: { runs?: number; forMs?: number; pipe?: string }): Promise<number>;
  close(): Promise<void>;
}

/** What becomes of a document, removed when undefined, and what its change gives back. */
export interface Change<T> {
  after: Value | undefined;
  result: T;
}

/** Who has a lock. */
export interface Held {
  owner: string;
  holder: Holder;
  /** ISO timestamp. */
  since: string;
}
