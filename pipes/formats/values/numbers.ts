// Numbers as text.

/** The shortest text that reads back as the same number, -0 too. */
export function numberText(number: number): string {
  if (number === 0) return Object.is(number, -0) ? '-0' : '0';
  // As String does, but String keeps what it makes in a cache: here that is slower, and the heap grows.
  return Number.isFinite(number) ? JSON.stringify(number) : String(number);
}
