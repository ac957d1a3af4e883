// Who holds a lock or runs a pipe: this process; and whether another one on this machine is still alive.
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Held, Holder } from '../contracts/state.ts';

let own: Holder | undefined;

export function thisProcess(): Holder {
  own ??= { host: hostname(), pid: process.pid, ...bornOf(process.pid) };
  return own;
}

/** Whether the process is known to have ended. One of another machine never is. */
export function isGone({ host, pid, born }: Holder): boolean {
  if (host !== hostname()) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
  const now = bornOf(pid).born;
  return born !== undefined && now !== undefined && now !== born;
}

/** Whether what it holds is free: its process has ended or, on another machine, has let its lease end. A paused one keeps it. */
export function hasLost(holder: Holder, until: number, now: number): boolean {
  return holder.host === hostname() ? isGone(holder) : until <= now;
}

/** In ticks since the machine was started, after its name; Linux only. */
function bornOf(pid: number): { born?: string } {
  try {
    // The name of the program stands in parentheses and may hold anything; the 22nd field is the start.
    const after = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\)/s, '').trim().split(' ');
    return { born: after[19]! };
  } catch {
    return {};
  }
}

export function holderText({ owner, holder, since }: Held): string {
  return `${owner}, process ${holder.pid} on ${holder.host}, since ${since}`;
}
