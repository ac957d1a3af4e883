// The contracts between the engine, connectors, tasks, formats and stores. Types only; nothing here runs.
import type { Failure } from './errors.ts';

// ---- Data ---------------------------------------------------------------------------------------------------

/** One value of a row. Decimals are text, int64 is a bigint where a number cannot hold it, dates are ISO text. */
export type Value = null | boolean | number | bigint | string | Uint8Array | Value[] | { [key: string]: Value };

/** One record. A row belongs to whoever received it: a producer never touches it again, a receiver may change it. */
export type Row = Record<string, Value>;

export type ColumnType =
  | 'boolean'
  | 'integer'
  | 'double'
  | 'decimal'
  | 'text'
  | 'binary'
  | 'date'
  | 'time'
  | 'timestamp'
  | 'timestamptz'
  | 'interval'
  | 'uuid'
  | 'json'
  | 'array';

export interface Column {
  name: string;
  type: ColumnType;
  nullable?: boolean;
  /** Digits in all, for a decimal. */
  precision?: number;
  /** Digits after the point, for a decimal; digits of the fraction of a second, for a time. */
  scale?: number;
  /** Characters for text, bytes for binary and integer (2, 4 or 8). */
  length?: number;
  /** Part of the primary key. */
  key?: boolean;
  /** The type's own name in the system the column comes from. */
  native?: string;
  /** What the values are is seen only as they come; `type` is a guess. */
  untyped?: boolean;
}

export interface Batch {
  rows: readonly Row[];
  /**
   * Where the source stands once every row up to the end of this batch has been taken. Made of what JSON has (no
   * bigint, no bytes); only the source that made it knows what is in it.
   */
  checkpoint?: Value;
}

/** A kind of bytes that a source can give and a sink can take without a row being made. */
export interface Encoding {
  name: 'csv' | 'ndjson' | 'pgcopy-binary' | 'pgcopy-text' | 'parquet';
  /** What must be equal on both sides besides the name: a CSV dialect, the column types of a binary copy. */
  options?: Record<string, Value>;
}

export interface EncodedRows {
  encoding: Encoding;
  columns: readonly Column[];
  chunks: AsyncIterable<Uint8Array>;
  /** How many rows the chunks were, once they have ended; absent where nobody has counted. */
  rows?(): number;
}

export interface RowStream {
  kind: 'rows';
  /** In order; absent where a source does not know them before it is read (JSON). */
  columns?: readonly Column[];
  /** Iterated once. Pulling is the back-pressure. */
  batches: AsyncIterable<Batch>;
  /** The batches carry checkpoints, the last one too. Whoever holds rows back, or mixes streams, leaves it out. */
  checkpoints?: boolean;
  /** How many rows came before the first one here: those that an earlier run has taken, where this one goes on. */
  offset?: number;
  /** The same rows as bytes in one of the encodings, or undefined. Takes the place of `batches`. */
  encoded?(accepts: readonly Encoding[]): EncodedRows | undefined;
}

/** Bytes from `start` to before `end`, both from 0; `end` absent: to the end. */
export interface Range {
  start: number;
  end?: number;
}

export interface FileItem {
  /** The last part of the path. */
  name: string;
  /** As the user would write it, so that errors can name it: `/my-s3/in/a.csv`, `./a.csv`, a URL. */
  path: string;
  contentType: string;
  /** `gzip` and the like, when the bytes of `open` are so encoded and the name does not say it. */
  contentEncoding?: string;
  size?: number;
  /** ISO timestamp. */
  modified?: string;
  /** Changes with the bytes (an ETag). `open` then gives bytes of this version only, or fails. */
  version?: string;
  /** Of the bytes, in hex, where the store tells it. A different one does not always mean different bytes. */
  md5?: string;
  /** The bytes can be taken only once, whole, and before the next file is pulled: stdin, an answer, an entry of a tar. */
  once?: boolean;
  /** Below the folder or the plain part of the pattern that it was found by: `2024/a.csv`. What a copy into a folder keeps. */
  relativePath?: string;
  /** Its producer never touches a chunk again. */
  open(range?: Range): AsyncIterable<Uint8Array>;
}

/** How files are to be read as rows, where the definition says so; the rest is told from each file. */
export interface Reading {
  format?: FormatChoice;
  /** Files whose columns differ: refused, or all columns of all files. */
  schema?: 'strict' | 'union';
  /** Names of extra columns for each row's file and its time of modification. */
  fileColumn?: string;
  modifiedColumn?: string;
  /** Only these columns, in this order. */
  columns?: readonly string[];
}

export interface FileStream {
  kind: 'files';
  files: AsyncIterable<FileItem>;
  /** Set by the task that reads, used by the engine when a later task wants rows. */
  reading?: Reading;
  /** The rows, once decoded, are to carry checkpoints, and to begin after this one. Set and used by the engine. */
  checkpoints?: { after?: Value };
}

export type Stream = RowStream | FileStream;

// ---- Secrets and credentials --------------------------------------------------------------------------------

export interface Secret {
  reveal(): string;
  toString(): '[secret]';
  toJSON(): '[secret]';
}

/** The secret fields of one connection, by field name. */
export type Credential = Record<string, Secret>;

export interface CredentialStore {
  readonly name: string;
  /**
   * The credential kept under `name` (a connection's EID or alias), or undefined when there is none. `fields`: the
   * connection's secret fields, for a store that keeps each field under a name of its own (env).
   */
  get(name: string, o: CallOptions & { fields?: readonly string[] }): Promise<StoredCredential | undefined>;
  /** With `ifVersion`, refused with CREDENTIAL_CHANGED when another writer was first. */
  put?(name: string, credential: Credential, o: CallOptions & { ifVersion?: string }): Promise<void>;
  remove?(name: string, o: CallOptions): Promise<void>;
  names?(o: CallOptions): AsyncIterable<string>;
  close(): Promise<void>;
}

export interface StoredCredential {
  fields: Credential;
  /** Changes with every put; for `ifVersion`. */
  version?: string;
  /** The store it is in, in words, where there are several. */
  store?: string;
}

// ---- Connectors ---------------------------------------------------------------------------------------------

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
  open?(range?: Range): AsyncIterable<Uint8Array>;
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
  readOnly?: boolean;
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
}

export interface Connector<Config = never, K extends Capability = Capability> {
  readonly name: string;
  readonly capabilities: readonly K[];
  /** What `write` takes: files (storage), rows (databases, APIs); nothing where it cannot write. */
  readonly stores: 'files' | 'rows' | 'nothing';
  /** No I/O. */
  open(config: Config, context: ConnectorContext): Connection<K>;
  /** How its tokens are got, where this connection uses OAuth 2. */
  oauth?(config: Config): OAuth | undefined;
}

/** An application at a service that gives tokens (RFC 6749). Its secret, where it has one, is the field `client_secret`. */
export interface OAuth {
  /** Who allows the access: a person in the browser, or the application itself. */
  flow: 'authorization_code' | 'client_credentials';
  clientId: string | undefined;
  tokenUrl: string;
  authorizeUrl?: string | undefined;
  /** RFC 8628. */
  deviceUrl?: string | undefined;
  scopes: readonly string[];
  scopeSeparator: string;
  /** RFC 7636. */
  pkce: boolean;
  clientAuth: 'basic' | 'body';
  /** More parameters for the authorize URL. */
  authorizeParams: Record<string, string>;
  /** How long the token endpoint may take; 30 s unless told. */
  timeoutMs?: number | undefined;
}

/** A connector whose config is not known here. */
export interface AnyConnector {
  readonly name: string;
  readonly capabilities: readonly Capability[];
  readonly stores: 'files' | 'rows' | 'nothing';
  open(config: never, context: ConnectorContext): AnyConnection;
  oauth?(config: never): OAuth | undefined;
}

/** Checks a connector against its own declaration; returns it as it is. */
export function defineConnector<Config, const K extends Capability>(
  connector: Connector<Config, K>,
): Connector<Config, K> {
  return connector;
}

// ---- Formats ------------------------------------------------------------------------------------------------

export interface FormatContext {
  signal: AbortSignal;
  /** The file's name for errors. */
  path: string;
}

export interface Format<Options = never> {
  readonly name: string;
  readonly extensions: readonly string[];
  readonly contentTypes: readonly string[];
  /** Whether these first bytes (up to 4 KiB) look like it. Absent: never guessed. */
  sniff?(head: Uint8Array): boolean;
  /** Reads what it must to know the columns, no more. Throws failures that name file and line. */
  decode(bytes: AsyncIterable<Uint8Array>, options: Options, context: FormatContext): Promise<RowStream>;
  /** Chunks of about 64 KiB to 1 MiB. `continued`: what is written follows earlier rows of the same file. */
  encode(
    rows: RowStream,
    options: Options,
    context: FormatContext & { continued?: boolean },
  ): AsyncIterable<Uint8Array>;
}

// ---- Tasks --------------------------------------------------------------------------------------------------

export interface Log {
  debug(message: string, data?: Record<string, unknown>): void;
  info(message: string, data?: Record<string, unknown>): void;
  warn(message: string, data?: Record<string, unknown>): void;
}

/** A compiled expression or template; see engine/expressions.ts. */
export interface Evaluator {
  /** Throws a failure that names the expression. */
  (row: Row): Value;
  /** The type of what it gives, where that is known before the first row. */
  readonly type?: ColumnType;
}

export interface TaskContext extends CallOptions {
  /** Where it stands in the definition, from 0, and its op and id, for errors. */
  readonly task: { readonly index: number; readonly op: string; readonly id: string };
  readonly log: Log;
  /** Whether a later task takes this one's output. */
  readonly consumed: boolean;
  /** The other inputs, by the ids that `from` names (merge). */
  readonly inputs: ReadonlyMap<string, Stream>;
  /** A bare CEL expression of a field with `record` in its scope; `pointer` is relative to the task. */
  expression(source: string, pointer: string, columns?: readonly Column[]): Evaluator;
  /** A field's value with `${…}` inside, at any depth, with `record` in scope. */
  template(value: Value, pointer: string, columns?: readonly Column[]): Evaluator;
  /** The connection and the path inside it that a path of the language means; `false`: whatever the task's own `connection` says. */
  resolve(path: string, connection?: string | false): Promise<Target>;
  /** Makes a connection that later tasks find by its alias; `save` keeps it among the user's own. */
  connect(alias: string, definition: { connector: string }, save: boolean): Promise<void>;
  /** Rows of any stream: files are decoded by what the stream, or else each file, says of their format. */
  rows(stream: Stream): Promise<RowStream>;
  /** Whether a file's bytes are already what a file at `path`, or in the chosen format, should hold. */
  sameBytes(file: FileItem, reading: Reading | undefined, path: string, format?: FormatChoice): boolean;
  /** One file with these rows, in the format that its path or the choice says; `continued`: after rows that are there. */
  encode(rows: RowStream, path: string, format?: FormatChoice, o?: { continued?: boolean }): FileItem;
  /** Work that goes on while the output is pulled; the run waits for it and fails with it. */
  background(work: Promise<unknown>): void;
  /** Resolves once every writer of the stage has staged what it has. */
  beforeCommit(): Promise<void>;
  /** Adds to the task's line in the report and to the progress. */
  count(figures: { rows?: number; bytes?: number; files?: number; rejected?: number }): void;
  /** Counts and reports a row that was refused. */
  reject(rejected: { position: number; reason: string }): void;
  /** Ends the run as done. */
  exit(message?: string): never;
  /** The task's result for `tasks.<id>` in later expressions. */
  result(value: Value): void;
  /** What the engine has it do for delivery, from what its `delivery` said. */
  readonly delivery: DeliveryOrders;
  /** Bytes for the run's stdout, bytes from its stdin. */
  readonly stdout: (chunk: Uint8Array) => Promise<void>;
  readonly stdin: () => AsyncIterable<Uint8Array>;
}

export interface Target {
  connection: AnyConnection;
  connector: string;
  stores: 'files' | 'rows' | 'nothing';
  /** Inside the connection. */
  path: string;
  /** As the user would write it. */
  shown: string;
}

/** As in the definition: a name, or a name with options. */
export type FormatChoice = string | { name: string };

export interface Task<Params> {
  readonly op: string;
  readonly accepts: readonly ('rows' | 'files' | 'nothing')[];
  /** What comes out: `same` as what came in, `either` where only the run can tell. */
  readonly yields: 'rows' | 'files' | 'same' | 'either' | 'nothing';
  /** It keeps rows back until others have come (`back`), or leaves the rest of its input unread (`cut`). */
  readonly holds?: 'back' | 'cut';
  /** What it asks of delivery, or has to say about it. Asked before the stage starts; no I/O. */
  delivery?(params: Params): Delivery | undefined;
  run(input: Stream | undefined, params: Params, context: TaskContext): Promise<Stream | undefined>;
}

/** What a task has to say about delivery: a position that it keeps between runs, or that it writes, and how. */
export interface Delivery {
  /** It reads what is new since the last run that succeeded. `name` is that of the position, where it has one of its own. */
  cursor?: { columns: readonly string[]; start?: Value; lookback?: number; name?: string };
  /** What decides which rows a position is about; with another one, a kept position is of no use. */
  source?: Value;
  /** It writes: everything at the end, or as it goes, with checkpoints. */
  commit?: 'run' | 'batch';
  /** Where it writes. Asked only where the stage keeps positions or checkpoints. */
  target?(context: TaskContext): Promise<DeliveryTarget>;
}

export interface DeliveryTarget {
  /** As the user would write it. */
  shown: string;
  /** How the same rows, written once more, leave it: as before (upsert, a file replaced), or with them twice. */
  again: 'same' | 'twice';
  upserts: boolean;
  /** What it has kept under the name; absent where it keeps no checkpoints. */
  checkpoint?(name: string): Promise<Value | undefined>;
}

/** What the engine has a task do for delivery. */
export interface DeliveryOrders {
  /** A source: its batches must carry checkpoints, and begin after this one. */
  checkpoints?: { after?: Value };
  /** A source: an incremental read from here. */
  cursor?: Cursor;
  /** A writer: what it keeps in its target, and the rows as they must be given to it. */
  checkpoint?: { name: string; last: 'keep' | 'remove'; stamp(rows: RowStream): RowStream };
  /** A writer: in place of what its definition says. */
  commit?: 'run' | 'batch';
  /** A writer: the run that is gone on with has written all this; take the rows and write nothing. */
  written?: boolean;
  /** A writer: rows that earlier runs have taken, for the positions of those that are refused. */
  offset?: number;
}

/** A task that looks at one row at a time. Neighbours are fused by the engine into one pass over a batch. */
export interface RowTask<Params> {
  readonly op: string;
  readonly accepts: readonly ['rows'];
  readonly yields: 'rows';
  /** As in `Task`. */
  readonly holds?: 'back' | 'cut';
  step(params: Params, columns: readonly Column[] | undefined, context: TaskContext): RowStep;
}

export type RowStep = {
  /** The columns after the step; undefined where they are not known. */
  columns: readonly Column[] | undefined;
  /** Asked after each row: true when no further row can pass. */
  done?(): boolean;
  /** Called after the last row of the input; not when something stopped before it. */
  end?(): void;
} & (
  | {
      /** The row to pass on (the same object, changed, or a new one), or undefined to drop it. */
      apply(row: Row): Row | undefined;
      expand?: undefined;
    }
  | {
      apply?: undefined;
      /** The rows that one row becomes. */
      expand(row: Row): readonly Row[];
    }
);

export type AnyTask = Task<never> | RowTask<never>;

// ---- State --------------------------------------------------------------------------------------------------

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
  status: 'running' | 'done' | 'failed' | 'interrupted' | 'died';
  trigger: string;
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
  set(space: string, key: string, value: Value, o?: { ttlMs?: number }): Promise<void>;
  remove(space: string, key: string): Promise<void>;
  /** Takes the lock for `leaseMs`, or prolongs the caller's own. Gives who has it when it is another one. */
  lock(name: string, owner: string, o: { holder: Holder; leaseMs: number }): Promise<Held | undefined>;
  unlock(name: string, owner: string): Promise<void>;
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

/** Who has a lock. */
export interface Held {
  owner: string;
  holder: Holder;
  /** ISO timestamp. */
  since: string;
}

// ---- Events and reports -------------------------------------------------------------------------------------

export interface TaskFigures {
  rows: number;
  bytes: number;
  files: number;
  rejected: number;
  retries: number;
  seconds: number;
}

export interface TaskReport extends TaskFigures {
  index: number;
  op: string;
  id: string;
  title?: string;
  status: 'done' | 'failed' | 'skipped' | 'stopped';
}

export interface RunReport {
  run: string;
  pipe: string;
  status: 'done' | 'failed' | 'interrupted';
  /** ISO timestamps. */
  started: string;
  ended: string;
  seconds: number;
  tasks: TaskReport[];
  /** With the position of the task that failed, and where that stands in the definition: `file:line:col`. */
  error?: ReturnType<Failure['toJSON']> & { task?: number; place?: string };
}

export type RunEvent = { run: string; at: string } & (
  | { type: 'run.started'; pipe: string; tasks: { index: number; op: string; id: string; title?: string }[] }
  | { type: 'task.started'; index: number; op: string; id: string }
  | { type: 'task.progress'; index: number; op: string; id: string; figures: TaskFigures }
  | { type: 'task.ended'; index: number; op: string; id: string; status: TaskReport['status']; figures: TaskFigures }
  | {
      type: 'task.retry';
      index: number;
      op: string;
      id: string;
      attempt: number;
      waitMs: number;
      code: string;
      message: string;
    }
  | { type: 'record.rejected'; index: number; op: string; id: string; position: number; reason: string }
  | { type: 'log'; level: 'debug' | 'info' | 'warn'; message: string; index?: number; data?: Record<string, unknown> }
  | { type: 'run.ended'; report: RunReport }
);
