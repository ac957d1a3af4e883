// Runs the command `pipe` from the sources, as a process of its own; compiled ones where `compile.ts` made them.
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What node runs: looked up for each start, since a script may compile the sources itself. */
export function program(): string[] {
  const compiled = process.env.PIPE_TEST_COMPILED;
  return compiled === undefined
    ? ['--import', import.meta.resolve('tsx'), fileURLToPath(new URL('../../cli/main.ts', import.meta.url))]
    : [join(compiled, 'cli/main.js')];
}

/** Whoever runs the tests has connections and keychains of their own. */
const nowhere = {
  XDG_CONFIG_HOME: join(tmpdir(), 'pipewright-test-config'),
  XDG_STATE_HOME: join(tmpdir(), 'pipewright-test-state'),
  DBUS_SESSION_BUS_ADDRESS: 'unix:path=/nowhere',
};

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface PipeOptions {
  cwd?: string;
  env?: Record<string, string>;
  /** What stdin holds; nothing, and closed, unless told. */
  stdin?: string | Uint8Array;
  /** Sends a signal, once, when stderr so far matches. */
  killWhen?: { matches: RegExp; signal: NodeJS.Signals };
  /** Ends what takes longer; its code is null then. */
  mostMs?: number;
}

export function pipeCommand(args: readonly string[], options: PipeOptions = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...program(), ...args], {
      cwd: options.cwd,
      env: { ...process.env, ...nowhere, NO_COLOR: '1', FORCE_COLOR: undefined, ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(options.mostMs === undefined ? {} : { timeout: options.mostMs, killSignal: 'SIGKILL' }),
    });
    let stdout = '';
    let stderr = '';
    let killed = false;
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      stderr += text;
      // A second signal would end it at once, as a second Ctrl-C does.
      if (!killed && options.killWhen?.matches.test(stderr)) killed = child.kill(options.killWhen.signal);
    });
    // A command that ends without reading its stdin closes the pipe under us.
    child.stdin.on('error', () => {});
    child.stdin.end(options.stdin ?? '');
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}
