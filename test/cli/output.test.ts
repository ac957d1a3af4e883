// Nothing reaches stdout or stderr past the redactor, whoever writes it; data does, on purpose.
import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';

const output = new URL('../../cli/output.ts', import.meta.url).href;

/** Runs code in a process whose output is guarded and whose redactor knows `hunter2`. */
function guarded(code: string) {
  const script = `
    import { guardOutput, outputRedactor, writeData } from ${JSON.stringify(output)};
    guardOutput();
    (await outputRedactor()).add('hunter2');
    ${code}`;
  const args = ['--import', import.meta.resolve('tsx'), '--input-type=module', '-e', script];
  return spawnSync(process.execPath, args, { encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } });
}

it.each<[string, string]>([
  ['stdout as text', `process.stdout.write('a hunter2 b')`],
  ['stderr as text', `process.stderr.write('a hunter2 b')`],
  ['stderr as bytes', `process.stderr.write(Buffer.from('a hunter2 b'))`],
  ['console', `console.log({ a: 'a hunter2 b' }); console.error('hunter2')`],
  ['a warning', `process.emitWarning('a hunter2 b'); await new Promise(setImmediate)`],
  ['an error that nothing catches', `setTimeout(() => { throw new Error('a hunter2 b') })`],
  [
    'a promise that nothing catches',
    `Promise.reject(new Error('a hunter2 b', { cause: new Error('hunter2') })); await new Promise((r) => setTimeout(r, 50))`,
  ],
])('%s loses its secrets', (_, code) => {
  const { stdout, stderr } = guarded(code);
  expect(stdout + stderr).not.toContain('hunter2');
  expect(stdout + stderr).toContain('[secret]');
});

it('data passes as it is', () => {
  const { stdout } = guarded(`await writeData('a hunter2 b\\n'); await writeData(Buffer.from('hunter2'))`);
  expect(stdout).toBe('a hunter2 b\nhunter2');
});

it('a crash ends with exit code 1', () => {
  expect(guarded(`setTimeout(() => { throw new Error('oh') })`)).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('oh'),
  });
});
