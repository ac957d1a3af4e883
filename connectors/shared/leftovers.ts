// The names of temporary files, which say who writes them, so that what killed runs have left is known.
import { createHash, randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { basename } from 'node:path';

const longestNameBytes = 255;
const machine = createHash('sha256').update(hostname()).digest('hex').slice(0, 4);
const pattern = /^\..*\.([0-9a-f]{4})([0-9a-z]+)-[0-9a-f]{12}\.tmp$/s;

/** Of names: chance for the process, and a number that grows. */
let next = randomBytes(6).readUIntBE(0, 6);
const names = 2 ** 48;

/** Of this process, and still in use. */
const living = new Set<string>();

/** `.name.<machine><process>-<random>.tmp`. Call `release` once the file has another name or is gone. */
export function temporaryName(target: string): string {
  next = (next + 1) % names;
  const own = next.toString(16).padStart(12, '0');
  const name = hiddenName(target, `.${machine}${process.pid.toString(36)}-${own}.tmp`);
  living.add(name);
  return name;
}

export function release(path: string): void {
  living.delete(basename(path));
}

/** `.name` and the rest, the name cut where the whole would be longer than file systems allow. */
export function hiddenName(target: string, rest: string): string {
  let name = basename(target);
  while (Buffer.byteLength(name) > longestNameBytes - 1 - rest.length) name = [...name].slice(0, -1).join('');
  return `.${name}${rest}`;
}

/** Whether it is the name of a temporary file whose writer was a process of this machine that is no more. */
export function isLeftover(name: string): boolean {
  const found = pattern.exec(name);
  return found !== null && found[1] === machine && !living.has(name) && !isRunning(Number.parseInt(found[2]!, 36));
}

/** Another process of this machine. Its number may have been given to another program, which then counts. */
export function isRunning(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
