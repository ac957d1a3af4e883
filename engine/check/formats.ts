// Whether the format of what a path means can be told.
import { open } from 'node:fs/promises';
import { nameWithoutCompression } from '../compression.ts';
import type { FormatChoice } from '../contracts/task.ts';
import type { Severity } from '../diagnostics.ts';
import { Failure } from '../errors.ts';
import { chooseFormat, type FormatRegistry, formatName } from '../formats.ts';
import { isMap } from '../validate/tasks.ts';
import { shortText } from '../validate/wording.ts';

/** What is known of the path that a task reads or writes. */
export interface PathFacts {
  pointer: string;
  /** What reading it gives, writing it takes; undefined where only the run can tell. */
  reads: 'files' | 'rows' | undefined;
  writes: 'files' | 'rows' | undefined;
  /** With something plain in the place of each `${…}`. */
  path: string;
  /** Whether its end, with the extension, stands in the definition. */
  ends: boolean;
  where: 'local' | 'connection' | 'url' | 'stdio';
  /** The file, where it is a local one that is there. */
  file: string | undefined;
  /** The task's `format`. */
  format: unknown;
}

const archives = new Set(['zip', 'tar', 'tgz', '7z', 'rar']);
const others = new Set(
  'pdf png jpg jpeg gif webp bmp tif tiff ico svg mp3 mp4 wav mov avi bz2 xz zst doc docx xls xlsx ods ppt pptx odt parquet avro orc db sqlite exe dll so iso html htm css js ts py sh'.split(
    ' ',
  ),
);

/** Why files cannot be decoded; undefined where they can, or where only the run can tell. */
export async function decodeProblem(
  formats: FormatRegistry,
  facts: PathFacts,
): Promise<{ reason: string; severity: Severity } | undefined> {
  if (!facts.ends || facts.where === 'stdio' || isChosen(formats, facts)) return undefined;
  const plain = facts.where === 'url' ? new URL(facts.path).pathname : facts.path;
  const extension = extensionOf(plain);
  if (archives.has(extension))
    return {
      reason: `${shortText(plain)} is an archive; take the files out of it with unarchive first`,
      severity: 'error',
    };
  if (others.has(extension)) return { reason: `no format reads ${shortText(plain)}`, severity: 'error' };
  if (facts.file !== undefined && plain === nameWithoutCompression(plain))
    return await sniffProblem(formats, facts.file);
  if (extension === '' || facts.where === 'url') return undefined;
  return { reason: `".${extension}" tells no format; only the first bytes can`, severity: 'warning' };
}

/** Why rows cannot be encoded for a path. */
export function encodeProblem(formats: FormatRegistry, facts: PathFacts): string | undefined {
  if (
    !facts.ends ||
    facts.where === 'stdio' ||
    facts.writes !== 'files' ||
    facts.path.endsWith('/') ||
    isChosen(formats, facts)
  )
    return undefined;
  const extension = extensionOf(facts.path);
  return extension === ''
    ? `${shortText(facts.path)} has no extension that tells a format`
    : `".${extension}" tells no format`;
}

function isChosen(formats: FormatRegistry, { path, format, where }: PathFacts): boolean {
  // A choice that is not right is a mistake already.
  if (typeof format === 'string' || isMap(format)) return true;
  return formatName({ path: where === 'url' ? new URL(path).pathname : path }, undefined, formats) !== undefined;
}

async function sniffProblem(
  formats: FormatRegistry,
  file: string,
): Promise<{ reason: string; severity: Severity } | undefined> {
  const head = await firstBytes(file);
  if (head === undefined || head.length === 0) return undefined;
  try {
    await chooseFormat({ path: file, head }, undefined as FormatChoice | undefined, formats);
    return undefined;
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== 'FORMAT_UNKNOWN') throw error;
    return { reason: 'neither its name nor its first bytes tell a format', severity: 'error' };
  }
}

/** Undefined for what cannot be read: the run will say why. */
async function firstBytes(file: string): Promise<Uint8Array | undefined> {
  try {
    const handle = await open(file);
    try {
      const { buffer, bytesRead } = await handle.read({ buffer: Buffer.alloc(4096) });
      return buffer.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch {
    return undefined;
  }
}

function extensionOf(path: string): string {
  return /\.([A-Za-z0-9_-]{1,12})$/.exec(nameWithoutCompression(path))?.[1]?.toLowerCase() ?? '';
}
