// The contracts of data: values, rows, columns, streams and files. Types only.
import type { FormatChoice } from './task.ts';

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

/** Memory for chunks that is used again. */
export interface Buffers {
  /** What a chunk should have, where its producer is free to choose. */
  readonly chunkBytes: number;
  /** So many bytes with anything in them, a `Buffer`. */
  take(bytes: number): Buffer;
  /** Nothing happens where the chunk is not from here. Only once for each, and never while it is still being filled or sent. */
  give(chunk: Uint8Array): void;
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
  /**
   * Its producer never touches a chunk again. With `buffers`, chunks may be taken from there: whoever pulls them gives
   * each back, whole or in part, once it needs it no more.
   */
  open(range?: Range, buffers?: Buffers): AsyncIterable<Uint8Array>;
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
