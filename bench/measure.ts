// Running commands side by side: seconds and peak memory of each, alternating, reported as medians and ratios.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

export interface Measured {
  seconds: number;
  /** Peak resident memory of the process itself. */
  peakBytes: number;
  /** What it used of the processor, without processes that it started. */
  cpuSeconds: number;
}

/** Runs a command to its end. Rejects when it fails, with what it printed. */
export function measure(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<Measured> {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'], env });
    let errors = '';
    child.stderr.on('data', (chunk) => {
      errors += chunk;
    });
    let peakBytes = 0;
    let cpuSeconds = 0;
    // The kernel's own high-water mark only grows, so that looking at it now and then misses nothing but the last moment.
    const watch = setInterval(() => {
      peakBytes = Math.max(peakBytes, highWater(child.pid));
      cpuSeconds = Math.max(cpuSeconds, cpuOf(child.pid).own);
    }, 20);
    child.on('error', reject);
    child.on('exit', (code) => {
      clearInterval(watch);
      const seconds = (performance.now() - started) / 1000;
      if (code === 0) resolve({ seconds, peakBytes, cpuSeconds });
      else reject(new Error(`${command} ${args.join(' ')} exited with ${code}\n${errors}`));
    });
  });
}

function highWater(pid: number | undefined): number {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/** Seconds of the processor that a process has used, and those that its ended children have. Zero where there is no /proc. */
export function cpuOf(pid: number | undefined): { own: number; children: number } {
  try {
    // The name of the program, in parentheses, may have blanks in it.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
      .map(Number);
    const ticksPerSecond = 100;
    const [user, system, childUser, childSystem] = fields.slice(11, 15) as [number, number, number, number];
    return { own: (user + system) / ticksPerSecond, children: (childUser + childSystem) / ticksPerSecond };
  } catch {
    return { own: 0, children: 0 };
  }
}

/** Every contender once a round, in turn, so that a slow moment of the machine hits all. */
export async function alternate(
  contenders: Record<string, () => Promise<Measured>>,
  rounds: number,
): Promise<Record<string, Measured[]>> {
  const results: Record<string, Measured[]> = {};
  for (let round = 0; round < rounds; round++) {
    for (const [name, run] of Object.entries(contenders)) {
      results[name] ??= [];
      results[name].push(await run());
    }
  }
  return results;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The median over the rounds of `name`'s time by `against`'s time in the same round. */
export function ratio(results: Record<string, Measured[]>, name: string, against: string): number {
  return median(results[name]!.map(({ seconds }, round) => seconds / results[against]![round]!.seconds));
}
