// Finds the ends of fields and records in UTF-8 bytes, with WebAssembly: some 5 GB a second.
import { blockBytes, result, scanProgram, surplusFields } from './scan-program.ts';

interface Scan {
  /** Fields and records up to the end of the last whole record. */
  fields: number;
  records: number;
  /** Line feeds in them, those inside quotes too. */
  lines: number;
  /** Where the last whole record ends: the index of the byte after its line feed. */
  end: number;
  /** Of all the bytes looked at. */
  ascii: boolean;
  quotes: boolean;
  /** A quote of the text, written as two. */
  doubled: boolean;
  /** A quote opens inside a field: the ends after it may be wrong. */
  stray: boolean;
  /** The last quote is not closed. */
  open: boolean;
}

export interface Scanner {
  /** Where to put the bytes. Another one after `reserve`. */
  bytes(): Buffer;
  /** Where fields end, in UTF-16 units from `from` of the last scan. Another one after `reserve`. */
  ends(): Uint32Array;
  /** Room for so many bytes; those already there are kept. */
  reserve(length: number): void;
  /** Looks at the bytes from where a record begins. `quote` undefined: nothing is quoted. */
  scan(from: number, to: number, delimiter: number, quote: number | undefined): Scan;
}

const wasmPage = 65_536;

// The result lies at the start; the byte before the text is a line feed.
const textStart = 128;

// Never a byte of UTF-8.
const noByte = 0xff;

// What is used of the global WebAssembly, whose types come with a browser's.
interface WebAssemblyApi {
  Memory: new (size: { initial: number }) => Memory;
  Module: new (binary: Uint8Array) => object;
  Instance: new (module: object, imports: { env: { memory: Memory } }) => { exports: { run: Run } };
}

interface Memory {
  buffer: ArrayBuffer;
  grow(pages: number): number;
}

type Run = (from: number, to: number, delimiter: number, quote: number, out: number) => void;

let compiled: object | undefined;

export function createScanner(length: number): Scanner {
  const { Memory, Module, Instance } = (globalThis as unknown as { WebAssembly: WebAssemblyApi }).WebAssembly;
  const memory = new Memory({ initial: 1 });
  compiled ??= new Module(scanProgram);
  const { run } = new Instance(compiled, { env: { memory } }).exports;

  let capacity = 0;
  let endsStart = 0;
  let figures: Int32Array;
  let bytes: Buffer;
  let ends: Uint32Array;

  const reserve = (wanted: number): void => {
    if (wanted <= capacity) return;
    capacity = roundUp(wanted, 4096);
    endsStart = roundUp(textStart + capacity + blockBytes, 4);
    const needed = endsStart + 4 * (capacity + surplusFields + 1);
    const missing = needed - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / wasmPage));
    figures = new Int32Array(memory.buffer);
    bytes = Buffer.from(memory.buffer, textStart, capacity + blockBytes);
    ends = new Uint32Array(memory.buffer, endsStart);
    new Uint8Array(memory.buffer)[textStart - 1] = 0x0a;
  };

  reserve(length);
  return {
    bytes: () => bytes,
    ends: () => ends,
    reserve,
    scan(from, to, delimiter, quote) {
      bytes.fill(0, to, to + blockBytes);
      run(textStart + from, textStart + to, delimiter, quote ?? noByte, endsStart);
      return {
        fields: figures[result.fields]!,
        records: figures[result.records]!,
        lines: figures[result.lines]!,
        end: figures[result.end]! - textStart,
        ascii: figures[result.wide] === 0,
        quotes: figures[result.quotes] !== 0,
        doubled: figures[result.doubled] !== 0,
        stray: figures[result.stray] !== 0,
        open: figures[result.open] !== 0,
      };
    },
  };
}

function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}
