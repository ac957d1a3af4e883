// The contract between the engine and connectors: operations, their options and what they give.
import type { Credential } from './credentials.ts';
import type { Buffers, Column, FileItem, Range, Row, RowStream, Stream, Value } from './data.ts';
import type { OAuth, Wire } from './http.ts';
import type { Log } from './task.ts';

export interface CallOptions {
  signal: AbortSignal;
}

export interface ListOptions extends CallOptions {
  /** Whatever lies below, not only the folder's own entries. */
  recursive?: boolean;
  /** By path, where a folder sorts as if its name ended in `/`. Absent: in whatever order is cheapest. */
  sorted?: boolean;
}

export interface Entry {
  kind: 'file' | 'folder' | 'table' | 'view' | 'resource';
  name: string;
  /** Inside the connection, from its root, without a leading slash. */
  path: string;
  size?: number;
  modified?: string;
  contentType?: string;
  /** As in FileItem. */
  version?: string;
  md5?: string;
  /** Only for `kind: 'file'`: its bytes, without another look-up. */
  open?(range?: Range, buffers?: Buffers): AsyncIterable<Uint8Array>;
}

export interface ReadOptions extends CallOptions {
  /**
   * The batches are to carry checkpoints, so the rows come in an order in which a later read can go on `after` one.
   * A source that cannot refuses with NOT_RESUMABLE.
   */
  checkpoints?: boolean;
  /** Go on after this checkpoint of an earlier read of the same thing. With `checkpoints` only. */
  after?: Value;
  columns?: readonly string[];
  /** Named filters, declared by the connector's resource. */
  filters?: Record<string, Value>;
  /** SQL condition, for databases. */
  where?: string;
  query?: string;
  parameters?: readonly Value[];
  partition?: { by?: string; into: number | 'auto' };
  cursor?: Cursor;
}

/** An incremental read: rows in the order of `columns`, whose values only grow. Its batches carry checkpoints. */
export interface Cursor {
  columns: readonly string[];
  /** The checkpoint of an earlier read, or what the definition says the first one starts after: values by column. */
  after?: Value;
  /** No further than this checkpoint: what an earlier run had read before it broke, once more. */
  until?: Value;
  /** How far before `after` to begin, for rows that came late. Milliseconds for times, else in units of the first column. */
  lookback?: number;
}

export interface WriteOptions extends CallOptions {
  /** `default` is append for tables and replace for files. */
  mode: 'default' | 'append' | 'replace' | 'upsert' | 'create';
  key?: readonly string[];
  commit?: 'run' | 'batch';
  /**
   * The checkpoint of the last batch taken is kept under this name, in the same transaction as its rows: at each commit
   * with `commit: batch`, else at the one at the end. `last`: whether the last one stays, or is removed with the last commit.
   */
  checkpoint?: { name: string; last: 'keep' | 'remove' };
  createTable?: 'auto' | 'never';
  /** Whether values may lose something in the types of the target; refused unless told. */
  lossy?: 'refuse' | 'allow';
  schema?: 'evolve' | 'freeze';
  contentType?: string;
  metadata?: Record<string, string>;
  /** How large files may be moved; a storage that can do it in one piece only leaves it aside. */
  parts?: Parts;
  /**
   * Called once everything is staged and before it becomes visible; rejects when the run has failed meanwhile. With
   * `commit: batch` once too: before the last commit, when the input has ended.
   */
  beforeCommit(): Promise<void>;
  /** A row that the target refused. Absent: the first one fails the write. */
  onReject?(rejected: { row: Row; reason: string; position: number }): Promise<void>;
  /** Bytes and rows sent so far, for progress. */
  onProgress?(sent: { bytes?: number; rows?: number }): void;
}

export interface Parts {
  /** The size of a part. */
  bytes: number;
  /** So many at once, each read from its own place in the file: `open(range)`. */
  atOnce: number;
  /**
   * Names the version of the source: what a write of the same one that was killed, or that failed for a reason that may
   * pass, has left of a large file is gone on with; what one of another version has left is removed.
   */
  resume?: (file: FileItem) => string;
  /** Goes with `resume`: keeps what a store cannot tell the next run itself. `path`: the target, as the user would write it. */
  journal?: (path: string) => Journal;
}

/**
 * Notes about one file that is on its way, by name, for some days. They are for speed alone: nothing here rejects, and
 * what cannot be kept is not there later.
 */
export interface Journal {
  read(): Promise<Record<string, Value>>;
  note(name: string, value: Value): Promise<void>;
  /** Removes all of them. */
  clear(): Promise<void>;
}

export interface WriteReport {
  rows?: number;
  bytes?: number;
  /** What was written, as the user would write it. */
  paths: string[];
}

export interface CopyOptions extends CallOptions {
  /** As in WriteOptions: the parts of a large file, of which the store copies so many at once. */
  parts?: Parts;
}

export interface QueryOptions extends CallOptions {
  /**
   * The statement may change nothing, and is refused where it would. Otherwise it runs once its rows are pulled, in a
   * transaction that is committed when all of them have been; one that is left before is undone.
   */
  readOnly?: boolean;
  /** Statements that run before it in the same transaction. With them, also where there is none, no rows come. */
  before?: readonly string[];
  /** As in WriteOptions. */
  beforeCommit?(): Promise<void>;
  /** Once for each statement that may write: how many rows it has changed, as the server counts. */
  onChanged?(rows: number): void;
}

export interface Request {
  /** Absent: the connection's own, else POST with a body and GET without. */
  method?: string;
  /** Relative to the connection's base URL, or absolute on one of its allowed hosts. */
  url: string;
  query?: Record<string, Value>;
  headers?: Record<string, string>;
  /** Bytes or text as is; anything else as JSON. */
  body?: Value;
  /** Answers that are no failure besides 200 to 299. */
  statuses?: readonly number[];
}

export interface Response {
  status: number;
  /** By lower-case name. */
  headers: Record<string, string>;
  /** After redirects. */
  url: string;
  /** Decoded. Read it, or end its iteration: until then it holds a connection to the server. */
  body: AsyncIterable<Uint8Array>;
}

export interface Message {
  to: string[];
  cc?: string[];
  bcc?: string[];
  replyTo?: string[];
  /** Absent: the connection's own. */
  from?: string;
  subject: string;
  text?: string;
  html?: string;
  /** Sent as they come. The message is complete, and goes out, only once they have ended. */
  attachments?: AsyncIterable<FileItem>;
}

export interface Description {
  kind: Entry['kind'];
  columns?: Column[];
  rowEstimate?: number;
  size?: number;
  modified?: string;
  contentType?: string;
  /** As in FileItem. */
  version?: string;
  md5?: string;
}

export interface Verification {
  ok: boolean;
  /** An error code of the catalogue when not ok. */
  code?: string;
  reason?: string;
}

export interface Operations {
  list(path: string, o: ListOptions): AsyncIterable<Entry>;
  /** Rejects where nothing is there; gives no bytes and no rows before they are pulled. */
  read(path: string, o: ReadOptions): Promise<Stream>;
  /** Resolves when what was written is durable and visible. */
  write(path: string, stream: Stream, o: WriteOptions): Promise<WriteReport>;
  query(statement: string, parameters: readonly Value[], o: QueryOptions): Promise<RowStream>;
  request(request: Request, o: CallOptions): Promise<Response>;
  send(message: Message, o: CallOptions): Promise<{ id: string }>;
  describe(path: string, o: CallOptions): Promise<Description>;
  remove(path: string, o: CallOptions): Promise<void>;
  /** Removes files that `list` has told of, in as few requests as the store can. What is gone already is no error. */
  removeFiles(paths: readonly string[], o: CallOptions): Promise<void>;
  makeFolder(path: string, o: CallOptions): Promise<void>;
  /** Copies a file within the store, without its bytes coming here; replaces what is there. */
  copy(from: string, to: string, o: CopyOptions): Promise<WriteReport>;
  /** The checkpoint that a write to this path has kept under the name, or undefined. */
  checkpoint(path: string, name: string, o: CallOptions): Promise<Value | undefined>;
}

export type Capability = keyof Operations;

export type Connection<K extends Capability = Capability> = Pick<Operations, K> & {
  verify(o: CallOptions): Promise<Verification>;
  close(): Promise<void>;
};

/** A connection whose connector is not known here: look before you call. */
export type AnyConnection = Partial<Operations> & Pick<Connection<never>, 'verify' | 'close'>;

export interface ConnectorContext {
  /** How the user names the connection, for errors and the paths of files. */
  readonly name: string;
  /** Asked again after a 401, so that a rotated secret needs no restart. */
  credential(): Promise<Credential>;
  /**
   * Keeps what `renew` makes of the credential, beside its other fields, before it resolves. Once across all processes:
   * who finds that another was first gets what that one has kept. `stale`: the credential that no longer does.
   */
  renewCredential(
    stale: Credential,
    renew: (current: Credential) => Promise<Record<string, string>>,
    o: CallOptions,
  ): Promise<Credential>;
  /** Does the work again after a failure that says `retry`: the engine waits, counts and reports. `attempt` is from 1. */
  retry<T>(work: (attempt: number) => Promise<T>, o: CallOptions): Promise<T>;
  readonly log: Log;
  /** Stands between the connection's HTTP and the network. Absent: nothing does. */
  readonly wire?: Wire | undefined;
}

export interface Connector<Config = never, K extends Capability = Capability> {
  readonly name: string;
  readonly capabilities: readonly K[];
  /** What `write` takes: files (storage), rows (databases, APIs); nothing where it cannot write. */
  readonly stores: 'files' | 'rows' | 'nothing';
  /** All that its connections send goes through `ConnectorContext.wire`. */
  readonly wired?: true;
  /** No I/O. */
  open(config: Config, context: ConnectorContext): Connection<K>;
  /** How its tokens are got, where this connection uses OAuth 2. */
  oauth?(config: Config): OAuth | undefined;
}

/** A connector whose config is not known here. */
export interface AnyConnector {
  readonly name: string;
  readonly capabilities: readonly Capability[];
  readonly stores: 'files' | 'rows' | 'nothing';
  readonly wired?: true;
  open(config: never, context: ConnectorContext): AnyConnection;
  oauth?(config: never): OAuth | undefined;
}

/** Checks a connector against its own declaration; returns it as it is. */
export function defineConnector<Config, const K extends Capability>(
  connector: Connector<Config, K>,
): Connector<Config, K> {
  return connector;
}
