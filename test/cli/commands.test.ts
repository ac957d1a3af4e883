// The commands: help, typos, formats of output, where things are printed, and the exit codes.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { verbs } from '../../cli/verbs.ts';
import { pipeCommand } from './pipe.ts';

let cwd: string;
beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'pipewright-cli-'));
  writeFileSync(join(cwd, 'a.csv'), 'id,qty\n1,5\n2,10\n');
  writeFileSync(
    join(cwd, 'good.yaml'),
    'tasks:\n  - { op: read, path: a.csv }\n  - { op: limit, rows: 1 }\n  - { op: write, path: out.ndjson }\n',
  );
  writeFileSync(join(cwd, 'bad.yaml'), 'tasks:\n  - { op: read, pth: a.csv }\n  - { op: write, path: "-" }\n');
});
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

const pipe = (...args: string[]) => pipeCommand(args, { cwd });

describe('help', () => {
  test('lists every command', async () => {
    const { code, stdout } = await pipe('--help');
    expect(code).toBe(0);
    for (const [name, { summary }] of Object.entries(verbs))
      expect(stdout).toMatch(new RegExp(`^ +${name} +${summary.replace(/[()]/g, '.')}`, 'm'));
  });

  test.each(Object.keys(verbs))('%s shows its options and an example', async (verb) => {
    const { code, stdout } = await pipe(verb, '--help');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Usage: pipe /);
    expect(stdout).toContain('Example');
  });

  test('a misspelt command gets the near one', async () => {
    const { code, stdout, stderr } = await pipe('rnu', 'good.yaml');
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('did you mean "run"?');
  });

  test('a misspelt option, too', async () => {
    const { code, stderr } = await pipe('run', 'good.yaml', '--limt', '3');
    expect(code).toBe(2);
    expect(stderr).toContain('--limit');
  });

  test('the version is the one of the package', async () => {
    const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8'));
    expect(await pipe('--version')).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });
});

describe('run', () => {
  test('reads a definition from stdin', async () => {
    const stdin = 'tasks: [{ op: read, path: a.csv, format: csv }, { op: write, path: "-", format: ndjson }]';
    const { code, stdout } = await pipeCommand(['run', '-', '--quiet'], { cwd, stdin });
    expect({ code, stdout }).toEqual({ code: 0, stdout: '{"id":"1","qty":"5"}\n{"id":"2","qty":"10"}\n' });
  });

  test('--log json prints one event a line, --report json the report at the end', async () => {
    const { code, stdout, stderr } = await pipe('run', 'good.yaml', '--log', 'json', '--report', 'json');
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    const lines = stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines[0].type).toBe('run.started');
    expect(lines.at(-2).type).toBe('run.ended');
    expect(lines.at(-1)).toMatchObject({
      status: 'done',
      tasks: [{ op: 'read' }, { op: 'limit', rows: 1 }, { op: 'write', rows: 1 }],
    });
  });

  test('--quiet is quiet', async () => {
    expect(await pipe('run', 'good.yaml', '--quiet')).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  test('--dry-run writes nothing', async () => {
    rmSync(join(cwd, 'out.ndjson'), { force: true });
    const { code, stderr } = await pipe('run', 'good.yaml', '--dry-run');
    expect(code).toBe(0);
    expect(stderr).toContain('would write');
    expect(readdirSync(cwd)).not.toContain('out.ndjson');
  });
});

describe('check', () => {
  test('no mistakes: 0, and nothing on stdout', async () => {
    expect(await pipe('check', 'good.yaml')).toEqual({ code: 0, stdout: '', stderr: 'good.yaml: no mistakes\n' });
  });

  test('as text, with the line and a mark', async () => {
    const { code, stdout } = await pipe('check', 'bad.yaml', 'good.yaml');
    expect(code).toBe(2);
    expect(stdout).toBe(
      'bad.yaml:2:17 UNKNOWN_KEY task 1 (read) has no key "pth"; did you mean "path"?\n  2 |   - { op: read, pth: a.csv }\n    |                 ^^^\n',
    );
  });

  test('as JSON', async () => {
    const { stdout } = await pipe('check', 'bad.yaml', '--format', 'json');
    expect(JSON.parse(stdout)).toEqual([
      expect.objectContaining({ code: 'UNKNOWN_KEY', file: 'bad.yaml', line: 2, col: 17, severity: 'error' }),
    ]);
  });

  test('as SARIF', async () => {
    const { stdout } = await pipe('check', 'bad.yaml', '--format', 'sarif');
    const log = JSON.parse(stdout);
    expect(log.version).toBe('2.1.0');
    expect(log.runs[0].results[0]).toMatchObject({
      ruleId: 'UNKNOWN_KEY',
      locations: [
        { physicalLocation: { artifactLocation: { uri: 'bad.yaml' }, region: { startLine: 2, startColumn: 17 } } },
      ],
    });
  });
});

describe('plan', () => {
  test('shows the steps, the codecs and the modes', async () => {
    const { code, stdout } = await pipe('plan', 'good.yaml');
    expect(code).toBe(0);
    expect(stdout.replace(/ +/g, ' ')).toBe(
      'good: 3 tasks in 1 stage\n\nsteps\n 1 read a.csv\n 2 limit decode csv\n 3 write out.ndjson encode ndjson replace\n',
    );
  });
});

describe('completion', () => {
  test.each(['bash', 'zsh', 'fish'])('%s knows every command', async (shell) => {
    const { code, stdout } = await pipe('completion', shell);
    expect(code).toBe(0);
    for (const verb of Object.keys(verbs)) expect(stdout).toContain(verb);
  });

  test('bash takes the script, and completes with it', async () => {
    const { stdout: script } = await pipe('completion', 'bash');
    const program = `${script}\nCOMP_WORDS=(pipe ru); COMP_CWORD=1; _pipe; echo "\${COMPREPLY[@]}"; COMP_WORDS=(pipe run --li); COMP_CWORD=2; _pipe; echo "\${COMPREPLY[@]}"`;
    const { stdout, stderr } = spawnSync('bash', ['-c', program], { encoding: 'utf8' });
    expect({ stdout, stderr }).toEqual({ stdout: 'run runs\n--limit\n', stderr: '' });
  });
});
