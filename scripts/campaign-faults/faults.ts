// What goes wrong in a scenario, and how often each kind of it was met and what came of it.
import type { Random } from '../chance.ts';

export const mib = 1024 * 1024;

export interface FaultKind<Call, Fault> {
  kind: string;
  /** Ends a copy for good: so that most copies end well, it comes less often. */
  final?: true;
  /** Undefined where it cannot happen to this request, or where nobody could tell. */
  of(call: Call, weather: Weather): Fault | undefined;
}

/** What happens to the requests of one scenario. */
export interface Weather {
  random: Random;
  /** Of the requests. */
  rate: number;
  /** The kind that comes most, so that each has scenarios of its own: a number, counted around the kinds of a store. */
  favourite: number;
  /** Those lists of kinds of which it has happened. */
  met: Set<unknown>;
  /** Of the file. */
  bytes: number;
  /** Whether the bytes are compared afterwards, so that those may differ too of which the store tells no checksum. */
  verified: boolean;
  /** Told of each fault that happens. */
  hit(kind: string, request: string): void;
}

const finalShare = 0.1;
const favouriteShare = 0.7;

/** The fault of this request, if it has one. */
export function faultOf<Call, Fault>(
  weather: Weather,
  kinds: readonly FaultKind<Call, Fault>[],
  call: Call,
  request: string,
): Fault | undefined {
  const { random, rate, hit, met } = weather;
  const favourite = kinds[weather.favourite % kinds.length]!;
  const owed = !met.has(kinds);
  if (random() >= rate * (owed ? 2 : 1)) return undefined;
  const chosen = owed || random() < favouriteShare ? favourite : kinds[Math.floor(random() * kinds.length)]!;
  const { kind, final, of } = chosen;
  if (final && chosen !== favourite && random() >= finalShare) return undefined;
  const fault = of(call, weather);
  if (fault === undefined) return undefined;
  if (chosen === favourite) met.add(kinds);
  hit(kind, request);
  return fault;
}

export type Ending = 'done' | 'refused' | 'wrong';

export interface Figures extends Record<Ending, number> {
  /** How often it happened; the others count the scenarios in which it did. */
  times: number;
}

export function addTo(figures: Map<string, Figures>, met: ReadonlyMap<string, number>, ending: Ending): void {
  for (const [name, times] of met) {
    const line = figures.get(name) ?? { times: 0, done: 0, refused: 0, wrong: 0 };
    line.times += times;
    line[ending]++;
    figures.set(name, line);
  }
}

/** Lines of a table, with the most frequent first. */
export function table(title: string, figures: ReadonlyMap<string, Figures>): string {
  const width = Math.max(title.length, ...[...figures.keys()].map((name) => name.length)) + 2;
  const row = (name: string, ...cells: (string | number)[]) =>
    `  ${name.padEnd(width)}${cells.map((cell) => String(cell).padStart(9)).join('')}`;
  const lines = [...figures].sort(([, a], [, b]) => b.times - a.times);
  return [
    row(title, 'times', 'done', 'refused', 'wrong'),
    ...lines.map(([name, { times, done, refused, wrong }]) => row(name, times, done, refused, wrong)),
  ].join('\n');
}
