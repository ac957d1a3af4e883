// Near names, for "did you mean …?".

const longestName = 80;

/** The known names nearest to `name`, all at the same distance, at most `most`; empty when none is near. */
export function nearest(name: string, known: Iterable<string>, most = 3): string[] {
  if (name.length > longestName) return [];
  const plain = folded(name);
  // One edit in a short name, up to three in a long one.
  let bound = Math.min(3, 1 + Math.floor(name.length / 5));
  let found: string[] = [];
  for (const candidate of new Set(known)) {
    if (candidate === name || candidate.length > longestName) continue;
    const distance = distanceOf(plain, folded(candidate), bound);
    if (distance > bound || distance >= candidate.length) continue;
    if (distance < bound) found = [];
    bound = distance;
    found.push(candidate);
  }
  return found.sort().slice(0, most);
}

/** `; did you mean "rows"?`, or nothing. Fits at the end of a sentence and into the `{hint}` of an error. */
export function didYouMean(name: string, known: Iterable<string>): string {
  const names = nearest(name, known);
  return names.length === 0 ? '' : `; did you mean ${either(names.map((each) => `"${each}"`))}?`;
}

/** As `didYouMean`; where no name is near, the known ones when they are few. `what` is a plural: `ids`. */
export function didYouMeanOrKnown(name: string, known: Iterable<string>, what: string): string {
  const names = [...new Set(known)];
  const near = didYouMean(name, names);
  if (near !== '' || names.length === 0 || names.length > 12) return near;
  return `; ${what}: ${names.join(', ')}`;
}

/** `a`, `a or b`, `a, b or c`. */
export function either(names: readonly string[], word = 'or'): string {
  if (names.length < 2) return names[0] ?? '';
  return `${names.slice(0, -1).join(', ')} ${word} ${names.at(-1)}`;
}

// Case and the choice of separator are no difference between two names.
function folded(name: string): string {
  return name.toLowerCase().replace(/[-_ ]/g, '_');
}

/**
 * Edits (insert, delete, replace, swap of neighbours) that make `a` into `b`; more than `bound` stops the count.
 * Optimal string alignment, the restricted form of Damerau–Levenshtein.
 */
function distanceOf(a: string, b: string, bound: number): number {
  if (Math.abs(a.length - b.length) > bound) return bound + 1;
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    let least = i;
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, beforeLast[j - 2]! + 1);
      row.push(cost);
      least = Math.min(least, cost);
    }
    if (least > bound) return bound + 1;
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}
