// Numbers as text.

/** The shortest text that reads back as the same number, -0 too. */
export function numberText(number: number): string {
  return Object.is(number, -0) ? '-0' : String(number);
}
