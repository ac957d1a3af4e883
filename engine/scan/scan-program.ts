// The inner loop of the CSV scanner: finds where fields and records end, 64 bytes at a time.
import {
  add32,
  and64,
  assemble,
  bitmask8,
  type Code,
  clz64,
  constant32,
  constant64,
  ctz64,
  either,
  eq8,
  eq32,
  get,
  load8,
  load128,
  loop,
  lt8,
  lt32,
  mul32,
  ne64,
  or32,
  or64,
  or128,
  popcnt64,
  repeatIf,
  set,
  shl64,
  shr32,
  shr64,
  splat8,
  store32,
  sub32,
  sub64,
  to32,
  to64,
  when,
  xor64,
} from './wasm.ts';

/** What the program leaves at the start of the memory, as 32-bit numbers. */
export const result = {
  /** Fields, up to the end of the last whole record. */
  fields: 0,
  records: 1,
  /** Line feeds up to the end of the last whole record, those inside quotes too. */
  lines: 2,
  /** The address after the last whole record. */
  end: 3,
  /** Not 0: there is a quote. */
  quotes: 4,
  /** Not 0: there is a quote of the text, written as two. */
  doubled: 5,
  /** Not 0: a byte above 0x7F. */
  wide: 6,
  /** Not 0: a quote opens where a field has already begun. */
  stray: 7,
  /** Not 0: the last quote is not closed. */
  open: 8,
} as const;

/** Fields are written this many at a time, so that most blocks need no inner loop: leave room for so many more. */
export const surplusFields = 12;

/** Bytes looked at together; as many zeros must follow the text. */
export const blockBytes = 64;

const quarters = [0, 1, 2, 3];

// Parameters: addresses of the first byte and of the one after the last, two bytes, the address for the field ends.
const [from, to, delimiter, quote, out] = [0, 1, 2, 3, 4];
const [at, fieldsOut, shift, records, linesBefore, lines, end, wide, fieldsEnd] = [5, 6, 7, 8, 9, 10, 11, 12, 13];
const [ends, newlines, allNewlines, quoteBits, inside, open, opening, stray, doubled, quotes, low, trailing, leading] =
  [14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26];
const [delimiters8, newlines8, quotes8, quarter0] = [27, 28, 29, 30];

const quarter = (index: number) => quarter0 + index;

/** 64 bits, one for each byte of the block: the sign bit of what `lanes` makes of its 16 bytes. */
function bits(lanes: (index: number) => Code): Code {
  return quarters.map((index) => {
    const part: Code = [lanes(index), bitmask8, to64];
    return index === 0 ? part : [part, constant64(16 * index), shl64, or64];
  });
}

const equalTo = (splat: number) => bits((index) => [get(quarter(index)), get(splat), eq8]);
const without = (mask: number): Code => [get(mask), constant64(-1), xor64, and64];
const increase = (counter: number, by: Code): Code => [get(counter), by, add32, set(counter)];
const count = (mask: number): Code => [get(mask), popcnt64, to32];
const dropLowest = (mask: number): Code => [get(mask), get(mask), constant64(1), sub64, and64, set(mask)];

/**
 * Ends are counted in UTF-16 units from `from`: what JavaScript's strings count in. In UTF-8 a character's trailing
 * bytes add none and the first byte of four adds two, so `shift` grows by their difference.
 */
const firstEnds: Code = Array.from({ length: surplusFields }, (_, index) => [
  get(fieldsOut),
  [get(at), get(shift), sub32, get(ends), ctz64, to32, add32],
  store32(4 * index),
  dropLowest(ends),
]);

const furtherEnds: Code = [
  increase(fieldsOut, constant32(4 * surplusFields)),
  loop(
    [get(fieldsOut), get(at), get(shift), sub32, get(ends), ctz64, to32, add32, store32(0)],
    increase(fieldsOut, constant32(4)),
    dropLowest(ends),
    [get(ends), constant64(0), ne64, repeatIf(0)],
  ),
];

const endsInAscii: Code = [
  // Left on the stack meanwhile: where the next block's ends go.
  [get(fieldsOut), count(ends), constant32(4), mul32, add32],
  firstEnds,
  [get(ends), constant64(0), ne64, when(furtherEnds)],
  set(fieldsOut),
];

const endsInUtf8: Code = [
  [constant32(1), set(wide)],
  [bits((index) => [get(quarter(index)), constant32(-64), splat8, lt8]), set(trailing)],
  // As signed bytes, 0xF0 to 0xFF are from -16 to -1: not less than -16, but negative.
  [bits((index) => get(quarter(index))), bits((index) => [get(quarter(index)), constant32(-16), splat8, lt8])],
  [constant64(-1), xor64, and64, set(leading)],
  [get(ends), constant64(0), ne64],
  when(
    loop(
      [get(ends), constant64(-1), xor64, get(ends), constant64(1), sub64, and64, set(low)],
      get(fieldsOut),
      [get(at), get(shift), sub32, get(ends), ctz64, to32, add32],
      [get(trailing), get(low), and64, popcnt64, to32, sub32],
      [get(leading), get(low), and64, popcnt64, to32, add32],
      store32(0),
      increase(fieldsOut, constant32(4)),
      dropLowest(ends),
      [get(ends), constant64(0), ne64, repeatIf(0)],
    ),
  ),
  increase(shift, [count(trailing), count(leading), sub32]),
];

/** A bit for each byte whose predecessor has one in `mask`; `first` is for the first byte of the block. */
const after = (mask: Code, first: Code): Code => [mask, constant64(1), shl64, first, to64, or64];
const isByteBefore = (byte: Code): Code => [get(at), constant32(1), sub32, load8(0), byte, eq32];
const add = (flags: number, mask: Code): Code => [mask, get(flags), or64, set(flags)];

/** Each quote turns "inside" on or off; a doubled one does both, so the bytes after it are where they were. */
const leaveOutQuoted: Code = [
  add(quotes, get(quoteBits)),
  get(quoteBits),
  // Bit n becomes the parity of the bits up to n.
  [1, 2, 4, 8, 16, 32].map((distance) => [set(inside), get(inside), get(inside), constant64(distance), shl64, xor64]),
  [get(open), xor64, set(inside)],
  [get(ends), without(inside), set(ends)],
  [get(newlines), without(inside), set(newlines)],
  [get(quoteBits), get(inside), and64, set(opening)],
  // An opening quote follows the end of a field, or the quote that closed: then both are one quote of the text.
  add(doubled, [get(opening), after(get(quoteBits), isByteBefore(get(quote))), and64]),
  add(stray, [
    get(opening),
    after(
      [get(ends), get(quoteBits), or64],
      [isByteBefore(get(delimiter)), isByteBefore(constant32(10)), or32, isByteBefore(get(quote)), or32],
    ),
    [constant64(-1), xor64, and64],
  ]),
  [get(inside), constant64(63), shr64, set(open)],
];

const noteRecordEnd: Code = [
  increase(records, count(newlines)),
  // All bits up to the last newline that ends a record.
  [constant64(2), constant64(63), get(newlines), clz64, sub64, shl64, constant64(1), sub64, set(low)],
  [get(linesBefore), get(allNewlines), get(low), and64, popcnt64, to32, add32, set(lines)],
  [get(fieldsOut), get(out), sub32, constant32(2), shr32],
  [get(ends), get(low), and64, popcnt64, to32, add32, set(fieldsEnd)],
  [get(at), constant32(64), get(newlines), clz64, to32, sub32, add32, set(end)],
];

const block: Code = [
  quarters.map((index) => [get(at), load128(16 * index), set(quarter(index))]),
  [equalTo(newlines8), set(newlines), get(newlines), set(allNewlines)],
  [equalTo(delimiters8), get(newlines), or64, set(ends)],
  [equalTo(quotes8), set(quoteBits)],
  [get(quoteBits), get(open), or64, constant64(0), ne64, when(leaveOutQuoted)],
  [get(newlines), constant64(0), ne64, when(noteRecordEnd)],
  increase(linesBefore, count(allNewlines)),
  [quarters.map((index) => [get(quarter(index)), index === 0 ? [] : or128]), bitmask8],
  either(endsInUtf8, endsInAscii),
  increase(at, constant32(blockBytes)),
];

const give = (index: number, value: Code): Code => [constant32(4 * index), value, store32(0)];
const asFlag = (mask: number): Code => [get(mask), constant64(0), ne64];

const program: Code = [
  [get(from), set(at), get(from), set(shift), get(out), set(fieldsOut), get(from), set(end)],
  [get(delimiter), splat8, set(delimiters8), constant32(10), splat8, set(newlines8)],
  [get(quote), splat8, set(quotes8)],
  [get(at), get(to), lt32, when(loop(block, get(at), get(to), lt32, repeatIf(0)))],
  give(result.fields, get(fieldsEnd)),
  give(result.records, get(records)),
  give(result.lines, get(lines)),
  give(result.end, get(end)),
  give(result.quotes, asFlag(quotes)),
  give(result.doubled, asFlag(doubled)),
  give(result.wide, get(wide)),
  give(result.stray, asFlag(stray)),
  give(result.open, asFlag(open)),
];

/** The module's binary: `run(from, to, delimiter, quote, out)`. The byte before `from` must be a line feed. */
export const scanProgram = assemble(5, { i32: 9, i64: 13, v128: 7 }, program);
