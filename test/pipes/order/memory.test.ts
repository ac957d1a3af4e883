// Tasks that hold rows back take as much memory as they are told, however many rows there are.
import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';

/** More than the heap that the process may have holds. */
const rows = 600_000;

it.each([
  ['sort', { by: ['v', 'text'], memory: '4MiB' }, rows],
  ['distinct', { columns: ['text'], memory: '4MiB' }, rows],
  ['group', { by: ['text'], values: { n: { function: 'count' } }, memory: '4MiB' }, rows],
] as const)('%s', (op, params, expected) => {
  const program = `
    import { ${op} as task } from './pipes/tasks/${op}.ts';
    async function* batches() {
      for (let at = 0; at < ${rows}; at += 1000)
        yield { rows: Array.from({ length: 1000 }, (_, i) => {
          const v = ((at + i) * 7919) % ${rows};
          return { v, text: 'the text of the row number ' + v };
        }) };
    }
    const columns = [{ name: 'v', type: 'integer' }, { name: 'text', type: 'text' }];
    const context = { signal: new AbortController().signal, task: { index: 0, op: '${op}', id: 'x' }, rows: async (rows) => rows };
    const { batches: out } = await task.run({ kind: 'rows', columns, batches: batches() }, ${JSON.stringify(params)}, context);
    let count = 0;
    for await (const { rows } of out) for (const row of rows) {
      const v = row.v ?? Number(row.text.slice(27));
      const wanted = '${op}' === 'sort' ? count : (count * 7919) % ${rows};
      if (v !== wanted) throw new Error('row ' + count + ' is ' + v);
      count++;
    }
    console.log(count);`;
  const args = ['--max-old-space-size=64', '--import', 'tsx', '--input-type=module', '-e', program];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  expect({ stdout, stderr }).toEqual({ stdout: `${expected}\n`, stderr: '' });
});

it('lets the text go that a few rows were cut from', () => {
  const program = `
    import { createSorter } from './pipes/order/sorter.ts';
    import { byPosition } from './pipes/order/order.ts';
    const sorter = createSorter({ order: byPosition, memoryBytes: 4e6, signal: new AbortController().signal });
    for (let i = 0; i < 300; i++) {
      const text = Buffer.alloc(900_000, 'text of a file ').toString('latin1');
      await sorter.add([{ v: text.slice(i, i + 30) }], [i]);
    }
    for await (const { rows } of sorter.sorted()) console.log(rows.length);`;
  const args = ['--max-old-space-size=100', '--import', 'tsx', '--input-type=module', '-e', program];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  expect({ stdout, stderr: stderr.slice(0, 500) }).toEqual({ stdout: '300\n', stderr: '' });
});
