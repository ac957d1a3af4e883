// Faults of a disk: calls on files below a folder of this process go wrong.

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import fs, { type FileHandle } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connector } from '../../connectors/local/index.ts';
import { type FaultKind, faultOf, type Weather } from './faults.ts';
import { type FaultyStore, impatient } from './store.ts';

interface DiskFault {
  fails?: string;
  waitMs?: number;
  /** Takes or gives only this share of the bytes, and one at least. */
  share?: number;
}

type AnyCall = (...parameters: never[]) => Promise<unknown>;

/** What is disturbed of `node:fs/promises`, and of an open file. */
const calls = ['open', 'rename', 'link', 'stat', 'lstat', 'mkdir', 'unlink'] as const;
const handleCalls = [
  'read',
  'write',
  'writev',
  'writeFile',
  'appendFile',
  'sync',
  'datasync',
  'truncate',
  'stat',
] as const;

export async function localStore(): Promise<FaultyStore> {
  const folder = mkdtempSync(join(tmpdir(), 'pipewright-faults-'));
  let now: Weather | undefined;
  let full = false;
  const kinds = kindsOf(() => {
    full = true;
    return noSpace;
  });
  const faultFor = (request: string): DiskFault | undefined => {
    if (now === undefined) return undefined;
    if (full && /write|append/i.test(request)) return noSpace;
    // A file has many reads and writes.
    const seldom = /^(read|write)/.test(request) ? 1 + now.bytes / 256 / 1024 : 1;
    return faultOf({ ...now, rate: now.rate / seldom }, kinds, request, request);
  };
  const restore = disturbDisk(folder, faultFor);
  const left = () => readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name !== 'a');
  return {
    connector: impatient(connector),
    path: 'a',
    kinds: kinds.map(({ kind }) => kind),
    config: () => ({ root: folder }),
    reset() {
      now = undefined;
      for (const name of readdirSync(folder)) rmSync(join(folder, name));
    },
    disturb(weather) {
      full = false;
      now = weather;
    },
    mend() {
      full = false;
      now = undefined;
    },
    bytes: (path) => (existsSync(join(folder, path)) ? readFileSync(join(folder, path)) : undefined),
    leftovers: left,
    async close() {
      restore();
      rmSync(folder, { recursive: true });
    },
  };
}

const noSpace: DiskFault = { fails: 'ENOSPC' };

function kindsOf(fill: () => DiskFault): FaultKind<string, DiskFault>[] {
  const writes = (request: string) => /^(write|writev|writeFile|appendFile)$/.test(request);
  return [
    // What is taken away must go: a disk that does not even do that cannot be helped.
    { kind: 'no space', final: true, of: (request) => (writes(request) ? fill() : undefined) },
    { kind: 'input/output error', final: true, of: (request) => (request === 'unlink' ? undefined : { fails: 'EIO' }) },
    {
      kind: 'no permission',
      final: true,
      of: (request) => (/^(open|rename|link)$/.test(request) ? { fails: 'EACCES' } : undefined),
    },
    { kind: 'slow', of: (_, { random }) => ({ waitMs: Math.floor(random() * 20) }) },
    { kind: 'short read', of: (request, { random }) => (request === 'read' ? { share: random() } : undefined) },
    { kind: 'short write', of: (request, { random }) => (/^writev?$/.test(request) ? { share: random() } : undefined) },
  ];
}

/** Until what it gives is called, calls on what is below the folder go wrong as `faultFor` says. */
function disturbDisk(folder: string, faultFor: (request: string) => DiskFault | undefined): () => void {
  const originals = new Map(calls.map((name) => [name, fs[name] as AnyCall]));
  const isInside = (path: unknown) => typeof path === 'string' && path.startsWith(folder);
  for (const [name, original] of originals) {
    const replaced = async (...parameters: never[]) => {
      const [path] = parameters;
      if (!isInside(path)) return original(...parameters);
      await suffer(faultFor(name), name);
      const result = await original(...parameters);
      return name === 'open' ? disturbHandle(result as FileHandle, faultFor) : result;
    };
    Object.assign(fs, { [name]: replaced });
  }
  syncBuiltinESMExports();
  return () => {
    Object.assign(fs, Object.fromEntries(originals));
    syncBuiltinESMExports();
  };
}

function disturbHandle(handle: FileHandle, faultFor: (request: string) => DiskFault | undefined): FileHandle {
  for (const name of handleCalls) {
    const original = (handle[name] as AnyCall).bind(handle);
    const replaced = async (...parameters: unknown[]) => {
      const fault = faultFor(name);
      await suffer(fault, name);
      return original(...(shortened(name, parameters, fault?.share) as never[]));
    };
    Object.assign(handle, { [name]: replaced });
  }
  return handle;
}

async function suffer(fault: DiskFault | undefined, call: string): Promise<void> {
  if (fault?.waitMs !== undefined) await new Promise((resolve) => setTimeout(resolve, fault.waitMs));
  if (fault?.fails === undefined) return;
  throw Object.assign(new Error(`${fault.fails}: made up, ${call}`), { code: fault.fails, syscall: call });
}

function shortened(name: string, parameters: unknown[], share: number | undefined): unknown[] {
  if (share === undefined) return parameters;
  const less = (count: number) => Math.max(1, Math.floor(count * share));
  if (name === 'writev') {
    const [first] = parameters[0] as [Uint8Array];
    return [[first.subarray(0, less(first.length))], ...parameters.slice(1)];
  }
  const [buffer, offset, length, ...rest] = parameters as [Uint8Array, number, number];
  return [buffer, offset, Math.min(length, less(length)), ...rest];
}
