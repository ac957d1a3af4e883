// What every format must do, whatever it looks like on disk. Each format's own test calls this with what it can hold.
import { describeChunks } from './format/chunks.ts';
import type { FormatSubject } from './format/harness.ts';
import { describeRefusals } from './format/refusals.ts';
import { describeRoundTrips } from './format/round-trips.ts';
import { describeStreams } from './format/streams.ts';

export type { FormatCapabilities, FormatSubject } from './format/harness.ts';

/** The suite. Registers its tests with vitest. */
export function describeFormat<Options>(name: string, subject: FormatSubject<Options>): void {
  describeRoundTrips(name, subject);
  describeChunks(name, subject);
  describeStreams(name, subject);
  describeRefusals(name, subject);
}
