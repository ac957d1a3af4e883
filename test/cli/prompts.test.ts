// `pipe connections add` where someone is there to answer: a terminal, keys, and secrets that are never shown.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { startHttpServer } from '../servers/http.ts';
import { pipeCommand, program } from './pipe.ts';

const secret = 'typed $ecret-4711';
const enter = '\r';
const down = '\x1b[B';
/** That of util-linux gives a command a terminal. */
const hasTerminals = String(spawnSync('script', ['--version']).stdout ?? '').includes('util-linux');

/** Each answer is typed when its question is on the screen. */
function onTerminal(
  args: string[],
  answers: readonly (readonly [question: RegExp, keys: string])[],
  o: { cwd: string; env: Record<string, string> },
): Promise<{ code: number | null; screen: string }> {
  return new Promise((resolve, reject) => {
    const quoted = [process.execPath, ...program(), ...args].map((part) => `'${part}'`).join(' ');
    // A terminal that nobody sits at has no width, and a question would be written downwards.
    const child = spawn('script', ['-qec', `stty cols 150 rows 50; exec ${quoted}`, '/dev/null'], {
      cwd: o.cwd,
      env: { ...process.env, ...o.env },
      timeout: 30_000,
    });
    const waiting = [...answers];
    let screen = '';
    let seen = 0;
    child.stdout.setEncoding('utf8').on('data', (text) => {
      screen += text;
      const [question, keys] = waiting[0] ?? [];
      if (question?.test(stripVTControlCharacters(screen.slice(seen))) !== true) return;
      waiting.shift();
      seen = screen.length;
      child.stdin.write(keys!);
    });
    child.stdin.on('error', () => {});
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, screen: stripVTControlCharacters(screen) }));
  });
}

async function place() {
  const cwd = mkdtempSync(join(tmpdir(), 'pipe-prompts-'));
  const server = await startHttpServer();
  server.otherwise((request, response) => {
    response.writeHead(request.headers.authorization === `Bearer ${secret}` ? 200 : 401).end();
  });
  onTestFinished(async () => {
    await server.close();
    rmSync(cwd, { recursive: true });
  });
  mkdirSync(join(cwd, 'config/pipewright'), { recursive: true });
  const own = join(cwd, 'config/pipewright/connections.yaml');
  writeFileSync(own, 'credentials: { name: file, cost: 10 }\n', { mode: 0o600 });
  const env = {
    XDG_CONFIG_HOME: join(cwd, 'config'),
    XDG_STATE_HOME: join(cwd, 'state'),
    DBUS_SESSION_BUS_ADDRESS: 'unix:path=/nowhere',
    PIPE_PASSPHRASE: 'correct horse',
    TERM: 'xterm',
    CI: '',
  };
  return { cwd, env, own, server };
}

it.skipIf(!hasTerminals)(
  'asks for a name, the way in and the secret, tries it, and shows no letter of the secret',
  async () => {
    const { cwd, env, own, server } = await place();
    const { code, screen } = await onTerminal(
      ['connections', 'add', 'http', '--set', `base_url=${server.url}/`],
      [
        [/A name to use it by/, `shop${enter}`],
        [/none[\s\S]*bearer/, `${down}${down}${enter}`],
        [/Which others[\s\S]*Token/, `${down}${down} ${enter}`],
        [/Token:/, `${secret}${enter}`],
      ],
      { cwd, env },
    );
    expect(screen).toMatch(/saved shop \([a-z0-9]{12}\)/);
    expect(screen).toMatch(/✓ shop \(http\) ok/);
    expect(screen).not.toContain('4711');
    expect(code).toBe(0);
    expect(readFileSync(own, 'utf8')).not.toContain('4711');
    const listed = await pipeCommand(['connections', 'list', '--format', 'json'], { cwd, env });
    expect(JSON.parse(listed.stdout).connections).toMatchObject([{ alias: 'shop', connector: 'http' }]);
  },
);

it.skipIf(!hasTerminals)('Ctrl-C at a question saves nothing', async () => {
  const { cwd, env, own } = await place();
  const before = readFileSync(own, 'utf8');
  const { code, screen } = await onTerminal(['connections', 'add', 'http'], [[/A name to use it by/, '\x03']], {
    cwd,
    env,
  });
  expect([code, screen]).toEqual([130, expect.not.stringContaining('saved')]);
  expect(readFileSync(own, 'utf8')).toBe(before);
});
