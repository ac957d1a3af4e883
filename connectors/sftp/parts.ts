// The part file, which the bytes of a large file go to: its name, and the notes by which a later run goes on with it.
import { createHash } from 'node:crypto';
import type { Parts } from '../../engine/contracts/connector.ts';
import type { FileItem } from '../../engine/contracts/data.ts';
import { hiddenName, isLeftover, release, temporaryName } from '../shared/leftovers.ts';
import { folderOf, nameOf } from './place.ts';

const pattern = /^\..*(\.([0-9a-f]{4})[0-9a-z]+-[0-9a-f]{12}\.new)$/s;

export interface Part {
  /** On the server. Nobody else ever makes a file with this name. */
  path: string;
  /** Where runs that are no more may have left it. */
  from: readonly string[];
  /** What they have left of another version of the source. */
  stale: readonly string[];
  /** So many bytes from the beginning on are there. */
  bytes: number;
  /** Whether a later run can find it. */
  isNoted: boolean;
  /** That it is there with its `bytes`; `from`: or still there. */
  note(from?: readonly string[]): Promise<void>;
  clear(): Promise<void>;
}

/** `.name.<machine><process>-<random>.new`: who writes it can be told as of a temporary file, with which it does not go. */
function partName(target: string): string {
  return temporaryName(target).replace(/tmp$/, 'new');
}

const asTemporary = (name: string) => name.replace(/new$/, 'tmp');

/** A part file or a temporary one that has another name now, or is gone, or is left to a later run. */
export function releaseName(path: string): void {
  release(asTemporary(path));
}

/** Whether it is the name of a part file whose writer was a process of this machine that is no more. */
export function isLeftPart(name: string): boolean {
  return pattern.test(name) && isLeftover(asTemporary(name));
}

export function isPartOf(name: string, target: string): boolean {
  const found = pattern.exec(name);
  return found !== null && name === hiddenName(target, found[1]!);
}

/** As a process of this machine, or this one itself, still writes it. */
function isHeld(name: string, own: string): boolean {
  const machineOf = (each: string) => pattern.exec(each)?.[2];
  return machineOf(name) === machineOf(own) && !isLeftover(asTemporary(name));
}

/** What another living run writes is left alone, and so are its notes. */
export async function findPart(target: string, item: FileItem, parts: Parts, shown: string): Promise<Part> {
  const folder = folderOf(target);
  const own = partName(nameOf(target));
  const source = createHash('sha256')
    .update(`${item.size} ${parts.resume!(item)}`)
    .digest('hex');
  const journal = parts.journal?.(shown);
  const noted = notedPart((await journal?.read())?.part, nameOf(target));
  const isOurs = journal !== undefined && !noted.names.some((name) => isHeld(name, own));
  const isSame = isOurs && noted.source === source && noted.bytes <= item.size!;
  const left = isOurs ? noted.names.map((name) => `${folder}/${name}`) : [];
  const part: Part = {
    path: `${folder}/${own}`,
    from: isSame ? left : [],
    stale: isSame ? [] : left,
    bytes: isSame ? noted.bytes : 0,
    isNoted: isOurs,
    async note(from = []) {
      if (isOurs) await journal.note('part', { source, names: [own, ...from.map(nameOf)], bytes: part.bytes });
    },
    async clear() {
      if (isOurs) await journal.clear();
    },
  };
  return part;
}

function notedPart(note: unknown, target: string): { source: unknown; names: string[]; bytes: number } {
  const { source, names, bytes } = (note ?? {}) as Record<string, unknown>;
  const isName = (name: unknown): name is string => typeof name === 'string' && isPartOf(name, target);
  const isCount = typeof bytes === 'number' && Number.isSafeInteger(bytes) && bytes >= 0;
  return { source, names: Array.isArray(names) ? names.filter(isName) : [], bytes: isCount ? bytes : 0 };
}
