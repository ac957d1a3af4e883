// The contract of formats: bytes to rows and back. Types only.
import type { RowStream } from './data.ts';

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
