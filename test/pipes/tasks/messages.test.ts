// echo, dump, exit and fail: what a pipe says, and how it ends early.
import { describe, expect, it } from 'vitest';
import { ExitSignal } from '../../../engine/task-context.ts';
import { collect, collectFiles, columnsOf, failureOf, filesOf, rowsOf, run } from './context.ts';

describe('echo', () => {
  it('says something and passes its input on', async () => {
    const { output, logs } = await run('echo', { message: 'hello' }, rowsOf([{ a: 1 }]));
    expect(logs).toEqual(['info: hello']);
    expect(await collect(output)).toEqual([{ a: 1 }]);
    expect((await run('echo', { message: 'hello' })).output).toBe(undefined);
  });

  it('gives rows, each with all columns, and closes what it does not pass on', async () => {
    const input = rowsOf([{ a: 1 }]);
    const rows = [
      { id: 1, rate: 1, tags: ['x'], any: 1 },
      { id: 2, rate: 1.5, ok: true, any: 'a' },
    ];
    const { output } = await run('echo', { rows }, input);
    expect(output).toMatchObject({
      columns: [
        { name: 'id', type: 'integer' },
        { name: 'rate', type: 'double' },
        { name: 'tags', type: 'array', nullable: true },
        { name: 'any', type: 'text', untyped: true },
        { name: 'ok', type: 'boolean', nullable: true },
      ],
    });
    expect(await collect(output)).toEqual([
      { id: 1, rate: 1, tags: ['x'], any: 1, ok: null },
      { id: 2, rate: 1.5, tags: null, any: 'a', ok: true },
    ]);
    expect(input.closed).toBe(true);
    expect(await collect((await run('echo', { rows: [] })).output)).toEqual([]);
  });
});

describe('dump', () => {
  const rows = [
    { id: 1, name: 'Ada', note: null },
    { id: 20, name: 'a name that is longer than anyone would want to see', note: 'two\nlines' },
    { id: 3, name: 'Edsger', note: '' },
  ];
  const columns = columnsOf({ id: 'integer', name: 'text', note: 'text' });

  it('shows the first rows as a table and passes all of them on', async () => {
    const input = rowsOf(rows, columns);
    const { output, logs } = await run('dump', { rows: 2 }, input);
    expect(output).toMatchObject({ columns });
    expect(await collect(output)).toEqual(rows);
    expect(logs).toEqual([
      [
        'info: id  name                                      note',
        '──  ────────────────────────────────────────  ─────────',
        '1   Ada',
        '20  a name that is longer than anyone would…  two lines',
      ].join('\n'),
    ]);
  });

  it('shows some columns, as JSON', async () => {
    const { output, logs } = await run('dump', { columns: ['note', 'id'], style: 'json' }, rowsOf(rows, columns));
    await collect(output);
    expect(logs).toEqual(['info: {"note":null,"id":1}\n{"note":"two\\nlines","id":20}\n{"note":"","id":3}']);
  });

  it('shows rows as they were when they passed', async () => {
    const { output, logs } = await run('dump', {}, rowsOf([{ a: 1 }, { a: 2 }, { b: 3 }]));
    const { output: changed } = await run('set', { values: { a: 'x' } }, output);
    await collect(changed);
    expect(logs).toEqual(['info: a  b\n─  ─\n1\n2\n   3']);
  });

  it('shows nothing of nothing', async () => {
    const none = await run('dump', { rows: 0 }, rowsOf(rows));
    await collect(none.output);
    expect(none.logs).toEqual([]);
    const empty = await run('dump', {}, rowsOf([], columns));
    await collect(empty.output);
    expect(empty.logs).toEqual(['info: no rows']);
  });

  it('refuses a column that is not there', async () => {
    expect(await failureOf(run('dump', { columns: ['nmae'] }, rowsOf(rows, columns)))).toContain(
      'did you mean "name"?',
    );
    const { output } = await run('dump', { columns: ['x'] }, rowsOf([{ a: 1 }]));
    expect(await failureOf(collect(output))).toMatch(/^COLUMN_UNKNOWN/);
  });

  it('shows the names of files', async () => {
    const { output, logs } = await run('dump', { rows: 1 }, filesOf({ 'in/a.csv': 'x\n', 'in/b.csv': 'y\n' }));
    expect(await collectFiles(output)).toEqual({ 'in/a.csv': 'x\n', 'in/b.csv': 'y\n' });
    expect(logs).toEqual(['info: in/a.csv (2 bytes)']);
  });
});

describe('exit and fail', () => {
  it('end the run, as a success and as a failure', async () => {
    await expect(run('exit', { message: 'Nothing to do' })).rejects.toBeInstanceOf(ExitSignal);
    expect(await failureOf(run('fail', { message: 'Too few orders' }))).toBe('PIPE_FAILED Too few orders');
  });
});
