// Choosing the format of a file: by what the definition says, its name, its content type or its first bytes.
import { nameWithoutCompression } from './compression.ts';
import type { Format } from './contracts/format.ts';
import type { FormatChoice } from './contracts/task.ts';
import { failure } from './errors.ts';
import { didYouMeanOrKnown } from './suggest.ts';

/** What is known of a format without loading it. */
interface FormatEntry {
  /** Without the dot, in lower case. */
  extensions: readonly string[];
  /** The first is the one of written files. `+json` stands for every type that ends so. */
  contentTypes: readonly string[];
  /** Whether its first bytes may tell it, so that it is worth loading to ask. */
  sniffs?: boolean;
  load(): Promise<Format<never>>;
}

/** The formats by name. Where the first bytes suit several, the first wins. */
export type FormatRegistry = Readonly<Record<string, FormatEntry>>;

export interface ChosenFormat {
  name: string;
  format: Format<never>;
  /** The choice's options, with its `name`. */
  options: never;
}

interface FileLike {
  path: string;
  contentType?: string;
  /** The first bytes, decompressed (up to 4 KiB); asked for only when nothing else tells. */
  head?: Uint8Array | (() => Promise<Uint8Array>);
}

// They are given to anything, so they tell nothing.
const vagueTypes = new Set([
  '',
  'text/plain',
  'application/octet-stream',
  'binary/octet-stream',
  'application/unknown',
]);

/**
 * The format of a file, loaded. Fails with FORMAT_UNKNOWN when nothing tells it, and with OPTION_UNSUPPORTED when the
 * choice names one that there is not.
 */
export async function chooseFormat(
  file: FileLike,
  choice: FormatChoice | undefined,
  registry: FormatRegistry,
): Promise<ChosenFormat> {
  const name = formatName(file, choice, registry) ?? (await sniffedName(file, registry));
  if (name === undefined) {
    throw failure('FORMAT_UNKNOWN', { path: file.path, known: Object.keys(registry).join(', ') });
  }
  const format = await registry[name]!.load();
  const options = typeof choice === 'object' ? choice : { name };
  return { name, format, options: options as never };
}

/** The same without looking at any byte and without loading anything: undefined when only the bytes can tell. */
export function formatName(
  file: Pick<FileLike, 'path' | 'contentType'>,
  choice: FormatChoice | undefined,
  registry: FormatRegistry,
): string | undefined {
  if (choice !== undefined) {
    const name = typeof choice === 'string' ? choice : choice.name;
    if (Object.hasOwn(registry, name)) return name;
    const hint = didYouMeanOrKnown(name, Object.keys(registry), 'the formats are');
    throw failure('OPTION_UNSUPPORTED', { what: `the format "${name}"`, where: 'this version', hint });
  }
  return byExtension(file.path, registry) ?? byContentType(file.contentType ?? '', registry);
}

function byExtension(path: string, registry: FormatRegistry): string | undefined {
  const plain = nameWithoutCompression(path);
  const extension = /\.([^./\\]+)$/.exec(plain)?.[1]?.toLowerCase();
  if (extension === undefined) return undefined;
  return Object.keys(registry).find((name) => registry[name]!.extensions.includes(extension));
}

function byContentType(contentType: string, registry: FormatRegistry): string | undefined {
  const type = contentType.split(';', 1)[0]!.trim().toLowerCase();
  if (vagueTypes.has(type)) return undefined;
  const suffix = /\+[^+]+$/.exec(type)?.[0] ?? type;
  const names = Object.keys(registry);
  return (
    names.find((name) => registry[name]!.contentTypes.includes(type)) ??
    names.find((name) => registry[name]!.contentTypes.includes(suffix))
  );
}

async function sniffedName({ head }: FileLike, registry: FormatRegistry): Promise<string | undefined> {
  const bytes = typeof head === 'function' ? await head() : head;
  if (bytes === undefined || bytes.length === 0) return undefined;
  for (const [name, entry] of Object.entries(registry)) {
    if (entry.sniffs === true && (await entry.load()).sniff?.(bytes) === true) return name;
  }
  return undefined;
}
