// What a cast is: a function from a value that is not null to a value of the type, or a failure.
import type { Value } from '../../engine/contracts/data.ts';
import { failure } from '../../engine/errors.ts';
import { valueText } from '../formats/values.ts';

/** Fails with VALUE_INVALID or VALUE_LOSSY; the task puts in where. */
export type Cast = (value: Exclude<Value, null>) => Value;

export interface CastOptions {
  /** Whether a value may lose something. */
  lossy: boolean;
  precision?: number | undefined;
  scale?: number | undefined;
  separator?: '.' | ',' | undefined;
  /** How dates and times are written, where it is not ISO. */
  format?: string | undefined;
}

export function lossy(value: string, target: string) {
  const hint = '; say `lossy: allow` to let it';
  return failure('VALUE_LOSSY', { where: 'value', value: JSON.stringify(value), target, hint });
}

export function shown(value: Exclude<Value, null>): string {
  return valueText(value);
}
