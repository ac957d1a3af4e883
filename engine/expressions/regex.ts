// Regular expressions that take time linear in the text, whatever the pattern: a DFA built while it is used.
// After Thompson's construction, https://swtch.com/~rsc/regexp/regexp1.html
import { Problem } from './problem.ts';
import { type Assertion, type CharacterTest, isWordPoint, parseRegex, type RegexNode } from './regex-syntax.ts';

/** Says whether a text has a part that fits. */
export type Matcher = (text: string) => boolean;

type Instruction =
  | { kind: 'test'; test: CharacterTest; next: number }
  | { kind: 'split'; next: number; other: number }
  | { kind: 'assert'; assertion: Assertion; next: number }
  | { kind: 'match' };

const mostInstructions = 20_000;
const mostStates = 1_000;

/** What stood before a position. */
const before = { nothing: 0, newline: 1, word: 2, other: 3 } as const;
type Before = (typeof before)[keyof typeof before];

interface State {
  /** Instructions that may go on here, before empty moves are followed. */
  pending: readonly number[];
  previous: Before;
  /** By ASCII code. */
  ascii: (State | null | undefined)[];
  others: Map<number, State | null>;
  atEnd: boolean | undefined;
}

const cache = new Map<string, Matcher>();

/** The matcher of a pattern, kept for the next time. */
export function matcherOf(pattern: string): Matcher {
  let matcher = cache.get(pattern);
  if (matcher === undefined) {
    matcher = compileRegex(pattern);
    if (cache.size >= 100) cache.clear();
    cache.set(pattern, matcher);
  }
  return matcher;
}

/** Throws a Problem for what cannot be read. In the matcher, null stands for "matched". */
function compileRegex(pattern: string): Matcher {
  const tree = parseRegex(pattern);
  const program: Instruction[] = [{ kind: 'match' }];
  const start = emit(program, tree, 0);
  const anchored = startsAnchored(tree);
  const asserts = program.some(({ kind }) => kind === 'assert');
  let states = new Map<string, State>();

  const stateOf = (pending: readonly number[], previous: Before): State => {
    const key = `${previous}:${pending.join()}`;
    let state = states.get(key);
    if (state === undefined) {
      if (states.size >= mostStates) states = new Map();
      state = { pending, previous, ascii: new Array(128), others: new Map(), atEnd: undefined };
      states.set(key, state);
    }
    return state;
  };

  const step = (state: State, point: number): State | null => {
    const reached = follow(program, state.pending, state.previous, point);
    if (reached === undefined) return null;
    const pending = new Set<number>(anchored ? [] : [start]);
    for (const index of reached) {
      const instruction = program[index]!;
      if (instruction.kind === 'test' && instruction.test(point)) pending.add(instruction.next);
    }
    const previous = !asserts
      ? before.other
      : point === 10
        ? before.newline
        : isWordPoint(point)
          ? before.word
          : before.other;
    return stateOf(
      [...pending].sort((a, b) => a - b),
      previous,
    );
  };

  return (text) => {
    let state = stateOf([start], before.nothing);
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      let next: State | null | undefined;
      if (code < 128) {
        next = state.ascii[code];
        if (next === undefined) {
          next = step(state, code);
          state.ascii[code] = next;
        }
      } else {
        const point = text.codePointAt(at)!;
        if (point > 0xffff) at++;
        next = state.others.get(point);
        if (next === undefined) {
          next = step(state, point);
          if (state.others.size >= mostStates) state.others.clear();
          state.others.set(point, next);
        }
      }
      if (next === null) return true;
      if (next.pending.length === 0) return false;
      state = next;
    }
    state.atEnd ??= follow(program, state.pending, state.previous, -1) === undefined;
    return state.atEnd;
  };
}

/** Instructions reached without taking a character, or undefined when a match is among them. `point` is -1 at the end. */
function follow(
  program: readonly Instruction[],
  pending: readonly number[],
  previous: Before,
  point: number,
): Set<number> | undefined {
  const reached = new Set<number>();
  const open = [...pending];
  for (let index = open.pop(); index !== undefined; index = open.pop()) {
    if (reached.has(index)) continue;
    reached.add(index);
    const instruction = program[index]!;
    if (instruction.kind === 'match') return undefined;
    if (instruction.kind === 'split') open.push(instruction.next, instruction.other);
    else if (instruction.kind === 'assert' && holds(instruction.assertion, previous, point))
      open.push(instruction.next);
  }
  return reached;
}

function holds(assertion: Assertion, previous: Before, point: number): boolean {
  switch (assertion) {
    case 'text-start':
      return previous === before.nothing;
    case 'text-end':
      return point === -1;
    case 'line-start':
      return previous === before.nothing || previous === before.newline;
    case 'line-end':
      return point === -1 || point === 10;
    default:
      return ((previous === before.word) !== isWordPoint(point)) === (assertion === 'word');
  }
}

// Adds the instructions of a node that go on with `next`, and returns where they start.
function emit(program: Instruction[], node: RegexNode, next: number): number {
  if (program.length > mostInstructions) throw new Problem('the pattern is too large');
  switch (node.kind) {
    case 'empty':
      return next;
    case 'character':
      return program.push({ kind: 'test', test: node.test, next }) - 1;
    case 'assertion':
      return program.push({ kind: 'assert', assertion: node.assertion, next }) - 1;
    case 'sequence':
      return node.parts.reduceRight((after, part) => emit(program, part, after), next);
    case 'choice':
      return node.parts
        .map((part) => emit(program, part, next))
        .reduceRight((other, first) => program.push({ kind: 'split', next: first, other }) - 1);
    case 'repeat':
      return emitRepeat(program, node, next);
  }
}

function emitRepeat(
  program: Instruction[],
  { part, least, most }: RegexNode & { kind: 'repeat' },
  next: number,
): number {
  let after = next;
  if (most === Number.POSITIVE_INFINITY) {
    const loop: Instruction & { kind: 'split' } = { kind: 'split', next, other: next };
    after = program.push(loop) - 1;
    loop.next = emit(program, part, after);
  } else {
    for (let i = least; i < most; i++)
      after = program.push({ kind: 'split', next: emit(program, part, after), other: next }) - 1;
  }
  for (let i = 0; i < least; i++) {
    const entry = emit(program, part, after);
    if (entry === after) break; // A part without instructions, which no count makes longer.
    after = entry;
  }
  return after;
}

function startsAnchored(node: RegexNode): boolean {
  if (node.kind === 'assertion') return node.assertion === 'text-start';
  if (node.kind === 'sequence') return startsAnchored(node.parts[0]!);
  return node.kind === 'choice' && node.parts.every(startsAnchored);
}
