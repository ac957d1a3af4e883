// Fused row steps: one pass, the same as step by step.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Batch, Row, RowStream } from '../../engine/contracts/data.ts';
import type { RowStep } from '../../engine/contracts/task.ts';
import { failure } from '../../engine/errors.ts';
import { addStep } from '../../engine/rows.ts';

function streamOf(batches: Row[][], closed = { times: 0 }): RowStream {
  return {
    kind: 'rows',
    columns: [{ name: 'n', type: 'integer' }],
    batches: (async function* () {
      try {
        for (const rows of batches) yield { rows: rows.map((row) => ({ ...row })) };
      } finally {
        closed.times++;
      }
    })(),
  };
}

async function collect(stream: RowStream): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const batch of stream.batches) rows.push(...batch.rows);
  return rows;
}

const step = (apply: (row: Row) => Row | undefined): RowStep => ({ columns: undefined, apply });
const numbers = (...n: number[]) => n.map((each) => ({ n: each }));

/** Steps as plain array operations, for comparison. */
const operations = {
  even: {
    step: () => step((row) => ((row.n as number) % 2 === 0 ? row : undefined)),
    plain: (rows: number[]) => rows.filter((n) => n % 2 === 0),
  },
  double: {
    step: () => step((row) => ({ n: (row.n as number) * 2 })),
    plain: (rows: number[]) => rows.map((n) => n * 2),
  },
  twice: {
    step: (): RowStep => ({ columns: undefined, expand: (row) => [row, { n: (row.n as number) + 1 }] }),
    plain: (rows: number[]) => rows.flatMap((n) => [n, n + 1]),
  },
  firstFive: {
    step: (): RowStep => {
      let left = 5;
      return { columns: undefined, apply: (row) => (left-- > 0 ? row : undefined), done: () => left <= 0 };
    },
    plain: (rows: number[]) => rows.slice(0, 5),
  },
};

test('any chain of steps over any batches gives what the steps give one after another', async () => {
  const name = fc.constantFrom(...(Object.keys(operations) as (keyof typeof operations)[]));
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(fc.integer({ min: 0, max: 99 }))),
      fc.array(name, { maxLength: 6 }),
      async (batches, names) => {
        const counts = new Array<number>(names.length).fill(0);
        let stream = streamOf(batches.map((batch) => numbers(...batch)));
        names.forEach((each, i) => {
          stream = addStep(stream, { step: operations[each].step(), count: (rows) => (counts[i]! += rows) });
        });
        let plain = batches.flat();
        const outputs = names.map((each) => (plain = operations[each].plain(plain)));
        expect((await collect(stream)).map(({ n }) => n)).toEqual(plain);
        // The steps before a full limit may have been given more than it let through, but never less.
        names.forEach((each, i) => {
          if (!names.slice(i).includes('firstFive')) expect(counts[i], each).toBe(outputs[i]!.length);
        });
      },
    ),
  );
});

test('a full limit closes the source without reading on', async () => {
  const closed = { times: 0 };
  const stream = addStep(streamOf([numbers(1, 2, 3, 4, 5, 6), numbers(7)], closed), {
    step: operations.firstFive.step(),
    count: () => {},
  });
  expect((await collect(stream)).length).toBe(5);
  expect(closed.times).toBe(1);
});

test('a failure says on which record, counted over all batches', async () => {
  const broken = step((row) => {
    if (row.n === 5) throw failure('VALUE_INVALID', { where: 'here', value: '5', expected: 'four' });
    return row;
  });
  const stream = addStep(streamOf([numbers(1, 2, 3), numbers(4, 5)]), { step: broken, count: () => {} });
  await expect(collect(stream)).rejects.toMatchObject({ code: 'VALUE_INVALID', data: { position: 5 } });
});

test('an empty batch is passed on only for its checkpoint', async () => {
  const source: RowStream = {
    kind: 'rows',
    batches: (async function* (): AsyncGenerator<Batch> {
      yield { rows: numbers(1) };
      yield { rows: numbers(3), checkpoint: 7 };
    })(),
  };
  const batches: Batch[] = [];
  for await (const batch of addStep(source, { step: operations.even.step(), count: () => {} }).batches)
    batches.push(batch);
  expect(batches).toEqual([{ rows: [], checkpoint: 7 }]);
});
