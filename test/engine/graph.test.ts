// The shape of a pipe: inputs, consumers, stages, and what cannot be put in order.
import { describe, expect, test } from 'vitest';
import { buildGraph, type GraphTask, type OpShape } from '../../engine/graph.ts';

const shapes: Record<string, OpShape> = {
  read: { accepts: ['nothing'], yields: 'either' },
  filter: { accepts: ['rows'], yields: 'rows' },
  write: { accepts: ['rows', 'files'], yields: 'same' },
  merge: { accepts: ['rows', 'files'], yields: 'either' },
  delete: { accepts: ['nothing'], yields: 'nothing' },
};
const graphOf = (...tasks: GraphTask[]) => buildGraph(tasks, (op) => shapes[op]);
const problems = (...tasks: GraphTask[]) =>
  graphOf(...tasks).problems.map(({ index, kind, about }) => `${index} ${kind} ${about}`);

describe('graph', () => {
  test('a chain is one stage, each task fed by the one before', () => {
    const { nodes, problems } = graphOf({ op: 'read' }, { op: 'filter' }, { op: 'write' });
    expect(nodes.map(({ inputs, consumers, stage }) => ({ inputs, consumers, stage }))).toEqual([
      { inputs: [], consumers: [1], stage: 0 },
      { inputs: [0], consumers: [2], stage: 0 },
      { inputs: [1], consumers: [], stage: 0 },
    ]);
    expect(problems).toEqual([]);
  });

  test('a task that takes nothing begins a stage of its own', () => {
    const { nodes } = graphOf({ op: 'read' }, { op: 'write' }, { op: 'delete' }, { op: 'read' }, { op: 'write' });
    expect(nodes.map(({ stage }) => stage)).toEqual([0, 0, 1, 2, 2]);
  });

  test('`from` branches, and merge joins two chains into one stage', () => {
    const { nodes, problems } = graphOf(
      { op: 'read', id: 'a' },
      { op: 'read', id: 'b' },
      { op: 'merge', from: ['a', 'b'] },
      { op: 'write' },
      { op: 'filter', from: 'a' },
      { op: 'write' },
    );
    expect(nodes[0]!.consumers).toEqual([2, 4]);
    expect(nodes.map(({ stage }) => stage)).toEqual([0, 0, 0, 0, 0, 0]);
    expect(problems).toEqual([]);
  });

  test('ids are made where none is given, and disabled tasks are not there', () => {
    const { nodes } = graphOf({ op: 'read' }, { op: 'filter', disabled: true }, { op: 'write' });
    expect(nodes.map(({ id }) => id)).toEqual(['read_1', 'write_3']);
    expect(nodes[1]!.inputs).toEqual([0]);
  });

  test.each<[string, GraphTask[], string[]]>([
    ['nothing to filter', [{ op: 'filter' }, { op: 'write' }], ['0 no-input ']],
    ['after a task without output', [{ op: 'delete' }, { op: 'write' }], ['1 no-input delete']],
    ['an id that is not there', [{ op: 'read' }, { op: 'write', from: 'x' }], ['1 unknown-from x']],
    [
      'an id further down',
      [
        { op: 'write', from: 'x' },
        { op: 'read', id: 'x' },
      ],
      ['0 later-from x'],
    ],
    [
      'from a task without output',
      [
        { op: 'delete', id: 'x' },
        { op: 'write', from: 'x' },
      ],
      ['1 no-output x'],
    ],
    [
      'rows that have gone by',
      [{ op: 'read', id: 'a' }, { op: 'write' }, { op: 'delete' }, { op: 'write', from: 'a' }],
      ['3 across 2'],
    ],
    [
      'two branches of one source joined again',
      [
        { op: 'read', id: 'a' },
        { op: 'filter', id: 'b', from: 'a' },
        { op: 'merge', from: ['a', 'b'] },
        { op: 'write' },
      ],
      ['2 diamond merge_3'],
    ],
    ['rows that nobody takes', [{ op: 'read' }, { op: 'filter' }], ['1 unused filter_2']],
  ])('%s', (_, tasks, expected) => {
    expect(problems(...tasks)).toEqual(expected);
  });
});
