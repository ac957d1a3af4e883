// An archive of very many files is made and taken apart in a small heap.
import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';

const entries = 100_000;

it.each([
  ['a.tar', ''],
  // A compressor for each entry takes most of the time and nothing that stays.
  ['a.zip', 'level: 0'],
])(
  `${entries} files in %s`,
  (name, plain) => {
    const program = `
    import { archive } from './pipes/tasks/archive.ts';
    import { unarchive } from './pipes/tasks/unarchive.ts';
    const nameOf = (at) => 'folder ' + at % 100 + '/file number ' + at + '.txt';
    async function* files() {
      for (let at = 0; at < ${entries}; at++) {
        const bytes = Buffer.from('the text of ' + at);
        const path = nameOf(at);
        yield { name: path, path, relativePath: path, contentType: 'text/plain', size: bytes.length, open: async function* () { yield bytes; } };
      }
    }
    const context = { signal: new AbortController().signal, task: { index: 0, op: 'archive', id: 'x' }, count() {} };
    const packed = await archive.run({ kind: 'files', files: files() }, { name: '${name}', ${plain} }, context);
    const { files: out } = await unarchive.run(packed, {}, context);
    let at = 0;
    for await (const file of out) {
      if (file.relativePath !== nameOf(at)) throw new Error(at + ' is ' + file.relativePath);
      if (at % 100 === 0) {
        const chunks = [];
        for await (const chunk of file.open()) chunks.push(chunk);
        const text = Buffer.concat(chunks).toString();
        if (text !== 'the text of ' + at) throw new Error(at + ' holds ' + text);
      }
      at++;
    }
    console.log(at);`;
    const args = ['--max-old-space-size=48', '--import', 'tsx', '--input-type=module', '-e', program];
    const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 60_000 });
    expect({ stdout, stderr: stderr.slice(0, 1000) }).toEqual({ stdout: `${entries}\n`, stderr: '' });
  },
  60_000,
);
