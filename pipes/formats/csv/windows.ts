// Bytes of any split into pieces of whole records: text, and where its fields end.
import type { FormatContext } from '../../../engine/contracts/format.ts';
import { failure } from '../../../engine/errors.ts';
import { createScanner } from '../../../engine/scan/scanner.ts';
import { utf8 } from '../text/charsets.ts';
import { invalidBytes } from '../text.ts';
import type { Dialect } from './dialect.ts';
import { type Piece, quoteMistake } from './records.ts';
import { countBetween, scanText } from './text-scan.ts';

export interface Window extends Piece {
  /** Its `ends` are in a Uint32Array that the next window uses again, and can be trusted: no quote is out of place. */
  regular: boolean;
  /** As in `RowBuilder`. */
  quotes: 'none' | 'single' | 'doubled';
}

export interface Windows {
  next(): Promise<Window | undefined>;
  /** In place of `next`: all bytes from this unit of the last window's text on. */
  rest(window: Window, from: number): AsyncGenerator<Uint8Array>;
  /** Stops reading. */
  close(): Promise<void>;
}

/**
 * Bytes taken at a time. Small, so that the rows of a batch are gone again before the garbage collector would have to
 * move them: measured, 64 KiB is twice as fast as 1 MiB.
 */
const pieceBytes = 65_536;

const longestRecordBytes = 64 * 1024 * 1024;

/** `bytes` are UTF-8 without a byte order mark. The first window holds `firstBytes` if there are so many. */
export function openWindows(
  bytes: AsyncIterable<Uint8Array>,
  dialect: Dialect,
  { path, signal }: FormatContext,
  start: { firstBytes: number; line: number; offset: number },
): Windows {
  const source = bytes[Symbol.asyncIterator]();
  const scanner = createScanner(2 * pieceBytes);
  let chunk: Uint8Array = new Uint8Array(0);
  let taken = 0;
  let atOnce = 0;
  let ended = false;
  // In the scanner's bytes: what was given out already, and what is there.
  let given = 0;
  let filled = 0;
  let { firstBytes, line, offset } = start;

  /** Adds bytes until there are at least so many, or no more come. */
  const fill = async (least: number, exactly: boolean): Promise<void> => {
    while (filled < least && !ended) {
      if (taken === chunk.length) {
        const { done, value } = await source.next();
        signal.throwIfAborted();
        if (done === true) {
          ended = true;
          return;
        }
        chunk = value;
        taken = 0;
        atOnce = Math.ceil(chunk.length / Math.ceil(chunk.length / pieceBytes));
        continue;
      }
      const length = Math.min(chunk.length - taken, exactly ? least - filled : atOnce);
      scanner.reserve(filled + length + 1);
      scanner.bytes().set(chunk.subarray(taken, taken + length), filled);
      filled += length;
      taken += length;
    }
  };

  const textOf = (end: number, ascii: boolean): string => {
    const piece = scanner.bytes().subarray(0, end);
    const text = ascii ? piece.toString('latin1') : utf8.decode(piece);
    if (text === undefined) throw invalidBytes(utf8, piece, offset, line - 1, path);
    return text;
  };

  const give = (window: Window, lines: number, end: number): Window => {
    given = end;
    line += lines;
    offset += end;
    return window;
  };

  /** The whole records that are there, or undefined when there is none. */
  const scanBytes = ({ delimiter, quote }: { delimiter: number; quote: number | undefined }): Window | undefined => {
    const { fields, records, lines, end, ascii, stray, quotes, doubled } = scanner.scan(0, filled, delimiter, quote);
    if (end === 0) return undefined;
    const text = textOf(end, ascii);
    const kind = doubled ? 'doubled' : quotes ? 'single' : 'none';
    return give({ text, ends: scanner.ends(), fields, records, line, regular: !stray, quotes: kind }, lines, end);
  };

  const scanAsText = (): Window | undefined => {
    const text = textOf(utf8.boundary(scanner.bytes().subarray(0, filled)), false);
    const { ends, records, lines, end, open } = scanText(text, dialect);
    if (end === 0) {
      if (!ended || open === undefined) return undefined;
      throw quoteMistake(path, line + countBetween(text, 0, open), 'a quote is opened here and never closed', dialect);
    }
    const whole = text.slice(0, end);
    const window = { text: whole, ends, fields: ends.length, records, line };
    return give({ ...window, regular: false, quotes: 'doubled' }, lines, Buffer.byteLength(whole));
  };

  const next = async (): Promise<Window | undefined> => {
    signal.throwIfAborted();
    scanner.bytes().copyWithin(0, given, filled);
    filled -= given;
    given = 0;
    await fill(firstBytes > 0 ? firstBytes : filled + 1, firstBytes > 0);
    firstBytes = 0;
    while (filled > 0) {
      if (ended && scanner.bytes()[filled - 1] !== 0x0a) {
        scanner.reserve(filled + 1);
        scanner.bytes()[filled++] = 0x0a;
      }
      let window = dialect.bytes === undefined ? undefined : scanBytes(dialect.bytes);
      // At the end of a file, text that is no whole record for the one has a mistake that the other finds.
      if (dialect.bytes === undefined || ended) window ??= scanAsText();
      if (window !== undefined) return window;
      if (filled > longestRecordBytes) {
        const reason = 'the record that begins here is longer than 64 MiB; a quote in it is probably not closed';
        throw failure('INPUT_MALFORMED', { path, line, reason });
      }
      // Each look at a long record is at twice as many bytes, so that all of them together are linear.
      await fill(2 * filled, false);
    }
    return undefined;
  };

  return {
    next,
    async *rest(window, from) {
      try {
        yield Buffer.from(scanner.bytes().subarray(Buffer.byteLength(window.text.slice(0, from)), filled));
        if (taken < chunk.length) yield chunk.subarray(taken);
        while (!ended) {
          const { done, value } = await source.next();
          signal.throwIfAborted();
          if (done === true) return;
          yield value;
        }
      } finally {
        await source.return?.();
      }
    },
    async close() {
      await source.return?.();
    },
  };
}
