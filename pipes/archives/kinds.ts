// The kinds of archive, and how one is told from the others.

export type ArchiveKind = 'zip' | 'tar' | 'tar.gz' | 'gzip';

export const contentTypes: Readonly<Record<ArchiveKind, string>> = {
  zip: 'application/zip',
  tar: 'application/x-tar',
  'tar.gz': 'application/gzip',
  gzip: 'application/gzip',
};

/** By the end of a name, without the query of a URL. */
export function kindByName(name: string): ArchiveKind | undefined {
  const plain = name.replace(/^(https?:[^?#]*)[?#].*$/s, '$1').toLowerCase();
  if (plain.endsWith('.zip')) return 'zip';
  if (plain.endsWith('.tar')) return 'tar';
  if (plain.endsWith('.tar.gz') || plain.endsWith('.tgz')) return 'tar.gz';
  return plain.endsWith('.gz') ? 'gzip' : undefined;
}

/** As many first bytes as tell every kind. */
export const headBytes = 512;

export function kindByBytes(head: Uint8Array): ArchiveKind | undefined {
  if (head[0] === 0x50 && head[1] === 0x4b && (head[2] === 3 || head[2] === 5)) return 'zip';
  if (head[0] === 0x1f && head[1] === 0x8b) return 'gzip';
  return Buffer.from(head.subarray(257, 262)).toString('latin1') === 'ustar' ? 'tar' : undefined;
}
