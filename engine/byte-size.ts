// Sizes as the language writes them: a number of bytes, `64KB`, `8MiB`, `1.5GB`.

const powers = ['B', 'K', 'M', 'G', 'T'];

/** In bytes, rounded up. The text has passed the schema's pattern. */
export function byteSize(size: number | string): number {
  if (typeof size === 'number') return size;
  const [, amount, unit = 'B'] = /^([0-9.]+) ?([kKMGTiB]*)$/.exec(size)!;
  const step = unit.includes('i') ? 1024 : 1000;
  return Math.ceil(Number(amount) * step ** powers.indexOf(unit[0]!.toUpperCase()));
}
