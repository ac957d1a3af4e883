// The tee: every branch sees all of the source, none runs ahead, none can stop the others.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Batch, FileItem, FileStream, Row, RowStream } from '../../engine/contracts/data.ts';
import { failure } from '../../engine/errors.ts';
import { tee } from '../../engine/tee.ts';

const never = new AbortController().signal;

interface Watched {
  stream: RowStream;
  pulled: number;
  closed: number;
}

function source(batches: number, error?: Error): Watched {
  const watched: Watched = { pulled: 0, closed: 0, stream: { kind: 'rows', batches: generate() } };
  async function* generate(): AsyncGenerator<Batch> {
    try {
      for (let n = 0; n < batches; n++) {
        watched.pulled += 1;
        yield { rows: [{ n }], checkpoint: n };
      }
      if (error !== undefined) throw error;
    } finally {
      watched.closed += 1;
    }
  }
  return watched;
}

async function collect(stream: RowStream): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const batch of stream.batches) rows.push(...batch.rows);
  return rows;
}

async function text(file: FileItem): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const chunk of file.open()) parts.push(chunk);
  return Buffer.concat(parts).toString();
}

describe('tee of rows', () => {
  it('gives every branch all batches, columns and checkpoints', async () => {
    const { stream } = source(3);
    stream.columns = [{ name: 'n', type: 'integer' }];
    const branches = tee(stream, 3, never);
    const seen = await Promise.all(branches.map(collect));
    expect(seen).toEqual([0, 1, 2].map(() => [{ n: 0 }, { n: 1 }, { n: 2 }]));
    expect(branches.map((branch) => branch.columns)).toEqual([0, 1, 2].map(() => stream.columns));
  });

  it('makes each row the property of its branch', async () => {
    const [a, b] = tee(source(50).stream, 2, never) as [RowStream, RowStream];
    const spoil = async (branch: RowStream, mark: string) => {
      for await (const { rows } of branch.batches) {
        for (const row of rows) {
          expect(Object.keys(row)).toEqual(['n']);
          row[mark] = true;
        }
      }
    };
    await Promise.all([spoil(a, 'a'), spoil(b, 'b')]);
  });

  it('pulls the source no further than one batch ahead of the slowest branch', async () => {
    const watched = source(10);
    const [fast, slow] = tee(watched.stream, 2, never).map((branch) => branch.batches[Symbol.asyncIterator]());
    await fast!.next();
    const second = fast!.next();
    await slow!.next();
    await second;
    expect(watched.pulled).toBe(2);
    const third = fast!.next();
    await new Promise((resolve) => setImmediate(resolve));
    expect(watched.pulled).toBe(2);
    await slow!.next();
    expect((await third).value.rows).toEqual([{ n: 2 }]);
  });

  it('goes on for the others when a branch is closed, and closes the source with the last one', async () => {
    const watched = source(5);
    const [left, stays] = tee(watched.stream, 2, never).map((branch) => branch.batches[Symbol.asyncIterator]());
    await left!.return?.();
    expect((await stays!.next()).value.rows).toEqual([{ n: 0 }]);
    expect((await stays!.next()).value.rows).toEqual([{ n: 1 }]);
    expect(watched.closed).toBe(0);
    await stays!.return?.();
    expect(watched.closed).toBe(1);
    expect(await left!.next()).toEqual({ value: undefined, done: true });
  });

  it('brings an error of the source to every branch', async () => {
    const error = failure('IO_FAILED', { path: 'a.csv', reason: 'gone' });
    const ends = await Promise.allSettled(tee(source(2, error).stream, 3, never).map(collect));
    expect(ends).toEqual([0, 1, 2].map(() => ({ status: 'rejected', reason: error })));
  });

  it('wakes a branch that waits for another one when the run is aborted', async () => {
    const abort = new AbortController();
    const [waits] = tee(source(5).stream, 2, abort.signal) as [RowStream];
    const end = collect(waits);
    abort.abort(failure('INTERRUPTED'));
    await expect(end).rejects.toMatchObject({ code: 'INTERRUPTED' });
  });

  it('holds for any number of branches, any pace and any early end', async () => {
    const branch = fc.record({ takes: fc.nat(12), pace: fc.array(fc.nat(4), { minLength: 1, maxLength: 8 }) });
    const property = fc.asyncProperty(
      fc.nat(10),
      fc.boolean(),
      fc.array(branch, { minLength: 1, maxLength: 5 }),
      async (batches, breaks, readers) => {
        const error = breaks ? new Error('broken') : undefined;
        const watched = source(batches, error);
        const taken = readers.map(() => 0);
        const done = readers.map(() => false);
        const read = async (stream: RowStream, at: number) => {
          const { takes, pace } = readers[at]!;
          const iterator = stream.batches[Symbol.asyncIterator]();
          const seen: Row[] = [];
          let failed = false;
          while (seen.length < takes) {
            for (let turn = pace[seen.length % pace.length]!; turn > 0; turn--) await Promise.resolve();
            const step = await iterator.next().catch(() => undefined);
            failed = step === undefined;
            if (step === undefined || step.done === true) break;
            seen.push(...step.value.rows);
            taken[at] = seen.length;
            const open = taken.filter((_, other) => !done[other]);
            expect(Math.max(...open) - Math.min(...open)).toBeLessThanOrEqual(1);
          }
          done[at] = true;
          await iterator.return?.();
          return { seen, failed };
        };
        const ends = await Promise.all(tee(watched.stream, readers.length, never).map(read));
        ends.forEach(({ seen, failed }, at) => {
          const takes = Math.min(readers[at]!.takes, batches);
          expect(seen).toEqual(Array.from({ length: takes }, (_, n) => ({ n })));
          expect(failed).toBe(breaks && readers[at]!.takes > batches);
        });
        if (watched.pulled > 0) expect(watched.closed).toBe(1);
      },
    );
    await fc.assert(property, { numRuns: 500 });
  });
});

describe('tee of files', () => {
  function files(names: string[], once: boolean) {
    const opened: string[] = [];
    const closed: string[] = [];
    async function* bytes(name: string): AsyncGenerator<Uint8Array> {
      opened.push(name);
      try {
        for (let n = 0; n < 3; n++) yield Buffer.from(`${name}${n} `);
      } finally {
        closed.push(name);
      }
    }
    async function* items(): AsyncGenerator<FileItem> {
      for (const name of names) {
        yield { name, path: name, contentType: 'text/plain', ...(once ? { once } : {}), open: () => bytes(name) };
      }
    }
    const stream: FileStream = { kind: 'files', files: items() };
    return { stream, opened, closed };
  }

  async function readAll(branch: FileStream): Promise<string[]> {
    const seen: string[] = [];
    for await (const file of branch.files) seen.push(await text(file));
    return seen;
  }

  it('keeps how the files are to be decoded', () => {
    const { stream } = files(['a'], true);
    const branches = tee({ ...stream, reading: { format: 'csv' } }, 2, never);
    expect(branches.map(({ reading }) => reading)).toEqual([{ format: 'csv' }, { format: 'csv' }]);
  });

  it('reads a file that comes once only once', async () => {
    const { stream, opened, closed } = files(['a', 'b'], true);
    const seen = await Promise.all(tee(stream, 3, never).map(readAll));
    expect(seen).toEqual([0, 1, 2].map(() => ['a0 a1 a2 ', 'b0 b1 b2 ']));
    expect(opened).toEqual(['a', 'b']);
    expect(closed).toEqual(['a', 'b']);
  });

  it('lets each branch open a file that can be opened again', async () => {
    const { stream, opened } = files(['a'], false);
    await Promise.all(tee(stream, 2, never).map(readAll));
    expect(opened).toEqual(['a', 'a']);
  });

  it('does not wait for a branch that passes a file over or stops in the middle of it', async () => {
    const { stream, opened, closed } = files(['a', 'b'], true);
    const [reads, looks, stops] = tee(stream, 3, never) as [FileStream, FileStream, FileStream];
    const names: string[] = [];
    const look = async () => {
      for await (const file of looks.files) names.push(file.name);
    };
    const stop = async () => {
      for await (const file of stops.files) for await (const chunk of file.open()) return String(chunk);
    };
    expect(await Promise.all([readAll(reads), look(), stop()])).toEqual([['a0 a1 a2 ', 'b0 b1 b2 '], undefined, 'a0 ']);
    expect(names).toEqual(['a', 'b']);
    expect([opened, closed]).toEqual([
      ['a', 'b'],
      ['a', 'b'],
    ]);
  });

  it('brings an error of opening to every branch', async () => {
    const error = failure('NOT_FOUND', { path: 'a' });
    const open = () => {
      throw error;
    };
    async function* items(): AsyncGenerator<FileItem> {
      yield { name: 'a', path: 'a', contentType: 'text/plain', once: true, open };
    }
    const ends = await Promise.allSettled(tee({ kind: 'files', files: items() } as FileStream, 2, never).map(readAll));
    expect(ends).toEqual([0, 1].map(() => ({ status: 'rejected', reason: error })));
  });

  it('opens nothing that no branch opens', async () => {
    const { stream, opened } = files(['a', 'b'], true);
    const names = async (branch: FileStream) => {
      const seen: string[] = [];
      for await (const file of branch.files) seen.push(file.name);
      return seen;
    };
    expect(await Promise.all(tee(stream, 2, never).map(names))).toEqual([0, 1].map(() => ['a', 'b']));
    expect(opened).toEqual([]);
  });
});
