// A small assembler for one WebAssembly function over an imported memory: instructions are lists of bytes.

export type Code = readonly (number | Code)[];

/** Where a local variable is; the parameters come first. */
export type Local = number;

const i32 = 0x7f;
const i64 = 0x7e;
const v128 = 0x7b;

export const get = (local: Local): Code => [0x20, local];
export const set = (local: Local): Code => [0x21, local];
export const constant32 = (value: number): Code => [0x41, signed(value)];
export const constant64 = (value: number): Code => [0x42, signed(value)];

export const loop = (...body: Code[]): Code => [0x03, 0x40, body, 0x0b];
export const when = (...body: Code[]): Code => [0x04, 0x40, body, 0x0b];
export const either = (yes: Code, no: Code): Code => [0x04, 0x40, yes, 0x05, no, 0x0b];
/** Goes on with the next turn of the loop that many levels up, when the top of the stack is not 0. */
export const repeatIf = (levels: number): Code => [0x0d, levels];

/** To or from the address on the stack plus `offset`. */
export const load8 = (offset: number): Code => [0x2d, 0, offset];
export const store32 = (offset: number): Code => [0x36, 2, offset];

export const add32: Code = [0x6a];
export const sub32: Code = [0x6b];
export const mul32: Code = [0x6c];
export const or32: Code = [0x72];
export const shr32: Code = [0x76];
export const eq32: Code = [0x46];
export const lt32: Code = [0x49];

export const clz64: Code = [0x79];
export const ctz64: Code = [0x7a];
export const popcnt64: Code = [0x7b];
export const sub64: Code = [0x7d];
export const and64: Code = [0x83];
export const or64: Code = [0x84];
export const xor64: Code = [0x85];
export const shl64: Code = [0x86];
/** Arithmetic: the sign is repeated. */
export const shr64: Code = [0x87];
export const ne64: Code = [0x52];
export const to32: Code = [0xa7];
export const to64: Code = [0xad];

export const load128 = (offset: number): Code => [0xfd, 0x00, 0, offset];
export const splat8: Code = [0xfd, 0x0f];
export const eq8: Code = [0xfd, 0x23];
/** Lanes less than those below on the stack, as signed bytes. */
export const lt8: Code = [0xfd, 0x25];
export const or128: Code = [0xfd, 0x50];
/** The sign bits of the 16 bytes. */
export const bitmask8: Code = [0xfd, 0xe4, 0x00];

/** The binary of a module that imports `env.memory` and exports `run` with i32 parameters and no result. */
export function assemble(
  parameters: number,
  locals: { i32: number; i64: number; v128: number },
  body: Code,
): Uint8Array<ArrayBuffer> {
  const types = [
    [unsigned(locals.i32), i32],
    [unsigned(locals.i64), i64],
    [unsigned(locals.v128), v128],
  ];
  const code = flat([vector(types), body, 0x0b]);
  return Uint8Array.from(
    flat([
      [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      section(1, vector([[0x60, vector(new Array<number>(parameters).fill(i32)), vector([])]])),
      section(2, vector([[text('env'), text('memory'), 2, 0, 1]])),
      section(3, vector([0])),
      section(7, vector([[text('run'), 0, 0]])),
      section(10, vector([[unsigned(code.length), code]])),
    ]),
  );
}

function section(id: number, content: Code): Code {
  const bytes = flat(content);
  return [id, unsigned(bytes.length), bytes];
}

function vector(items: Code): Code {
  return [unsigned(items.length), items];
}

function text(name: string): Code {
  return [unsigned(name.length), [...Buffer.from(name)]];
}

function flat(code: Code): number[] {
  return (code as unknown[]).flat(Number.POSITIVE_INFINITY) as number[];
}

// LEB128, as in the WebAssembly specification, section "Values" of the binary format.
function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  do {
    const low = rest & 0x7f;
    rest >>>= 7;
    bytes.push(rest === 0 ? low : low | 0x80);
  } while (rest !== 0);
  return bytes;
}

function signed(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (;;) {
    const low = rest & 0x7f;
    rest >>= 7;
    if ((rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0)) return [...bytes, low];
    bytes.push(low | 0x80);
  }
}
