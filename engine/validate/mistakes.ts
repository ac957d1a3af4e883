// A validator's errors as mistakes: one for each thing that is wrong, in our words.
import { mayBeTemplate, type Shape } from '../../schemas/generated/language.ts';
import type { Validate, ValidationError } from '../../schemas/generated/validators.ts';
import { aliasProblem } from '../eid.ts';
import { pointerParts, pointerTo, valueAt } from '../pointer.ts';
import type { Mistake } from '../report.ts';
import { looksSecret } from '../secret-names.ts';
import { didYouMean, either, nearest } from '../suggest.ts';
import { placeAt } from './fields.ts';
import { describeValue, sayPath, shortText, showValue, typeAdvice, typeName } from './wording.ts';

export interface Validated {
  value: unknown;
  /** The value's own place in the document. */
  pointer: string;
  shape: Shape;
  /** How the value is called: `task 2 (limit)`. */
  label: string;
  /** Parts of the value that have a name of their own: how many keys lead there, and the name. */
  nameOf?(parts: readonly string[]): { length: number; label: string } | undefined;
}

/** Every mistake that a validator sees in a value, each once. */
export function mistakesOf(validate: Validate, validated: Validated): Mistake[] {
  if (validate(validated.value)) return [];
  const errors = (validate.errors ?? []).filter((error) => counts(error, validated));
  const unknown = errors.filter(({ keyword }) => keyword === 'additionalProperties');
  const said = new Map<string, number>();
  const mistakes: Mistake[] = [];
  // Of several errors about one value the one that says most: its type, then the choice, then its form.
  for (const error of errors.toSorted((a, b) => rank(a) - rank(b))) {
    const place = placeKey(error);
    if (said.has(place) || (error.keyword === 'required' && isMisspelt(error, unknown))) continue;
    said.set(place, 1);
    mistakes.push(mistakeOf(error, validated));
  }
  return mistakes;
}

function rank({ keyword }: ValidationError): number {
  const order = ['additionalProperties', 'required', 'type', 'const', 'enum', 'pattern'];
  const at = order.indexOf(keyword);
  return at < 0 ? order.length : at;
}

function placeKey({ keyword, instancePath, params, propertyName }: ValidationError): string {
  if (keyword === 'additionalProperties') return `${instancePath} key ${params.additionalProperty}`;
  if (keyword === 'required') return `${instancePath} needs ${params.missingProperty}`;
  return propertyName === undefined ? `${instancePath} value` : `${instancePath} key ${propertyName}`;
}

/** `if` and `propertyNames` only repeat another error; and a value with `${…}` in it is not known yet. */
function counts(error: ValidationError, { value, shape }: Validated): boolean {
  if (error.keyword === 'if' || error.keyword === 'propertyNames') return false;
  if (error.keyword === 'additionalProperties' || error.keyword === 'required' || error.propertyName !== undefined)
    return true;
  const parts = pointerParts(error.instancePath);
  const { info } = placeAt(shape, parts);
  if (info.literal === true || info.expression === true) return true;
  return !mayBeTemplate(valueAt(value, parts), error.keyword);
}

/** A key that is missing because it stands there misspelt is one mistake, not two. */
function isMisspelt(error: ValidationError, unknown: readonly ValidationError[]): boolean {
  const missing = String(error.params.missingProperty);
  return unknown.some(
    (each) =>
      each.instancePath === error.instancePath && nearest(String(each.params.additionalProperty), [missing]).length > 0,
  );
}

function mistakeOf(error: ValidationError, validated: Validated): Mistake {
  const { keyword, params, instancePath } = error;
  const parts = pointerParts(instancePath);
  const pointer = validated.pointer + instancePath;
  const place = placeAt(validated.shape, parts);
  const value = valueAt(validated.value, parts);
  const named = validated.nameOf?.(parts);
  const label = named?.label ?? validated.label;
  const above = parts.slice(0, named?.length ?? 0);
  const path = sayPath(parts.slice(above.length), valueAt(validated.value, above));
  const owner = path === '' ? label : `${path} of ${label}`;
  const subject = path === '' ? label : `${label}: ${path}`;
  const secret = place.info.secret === true || parts.some(looksSecret);
  const shown = secret ? 'something else' : showValue(value);
  const say = (code: Mistake['code'], text: string): Mistake => ({ code, message: `${subject} ${text}`, pointer });

  if (error.propertyName !== undefined) {
    const name = error.propertyName;
    const message =
      parts[0] === 'connections'
        ? `the alias ${shortText(name)} ${aliasProblem(name) ?? ''}`
        : `${subject}: the name ${shortText(name)} ${nameRule}`;
    return { code: 'PATTERN', message, pointer: pointerTo(pointer, name), part: 'key' };
  }
  switch (keyword) {
    case 'additionalProperties': {
      const key = String(params.additionalProperty);
      const hint = didYouMean(key, place.keys ?? []);
      return {
        code: 'UNKNOWN_KEY',
        message: `${owner} has no key ${shortText(key)}${hint}`,
        pointer: pointerTo(pointer, key),
        part: 'key',
        ...keyHelp(hint, place.keys),
      };
    }
    case 'required':
      return { code: 'MISSING_KEY', message: `${owner} needs the key "${params.missingProperty}"`, pointer };
    case 'type':
      return say(
        'WRONG_TYPE',
        `must be ${typeName(params.type)}, and is ${secret ? 'something else' : describeValue(value)}${secret ? '' : typeAdvice(params.type, value)}`,
      );
    case 'enum': {
      const allowed = (params.allowedValues as unknown[]).map(showValue);
      const names = (params.allowedValues as unknown[]).filter((each) => typeof each === 'string');
      const code = place.info.format === true ? 'UNKNOWN_FORMAT' : 'NOT_ALLOWED';
      // A suggestion says no more of the value than that it is near.
      const near = typeof value === 'string' ? didYouMean(value, names) : '';
      const end = near === '' ? `; it takes ${either(allowed)}` : near;
      if (secret) return say(code, `is none of ${either(allowed, 'and')}${near}`);
      return code === 'UNKNOWN_FORMAT'
        ? { ...say(code, ''), message: `${label}: there is no format ${shown}${end}` }
        : say(code, `cannot be ${shown}${end}`);
    }
    case 'const':
      return say('NOT_ALLOWED', `must be ${showValue(params.allowedValue)}, and is ${shown}`);
    case 'pattern':
      return say(
        'PATTERN',
        `cannot be ${shown}${place.info.like === undefined ? '' : `; it looks like ${shortText(place.info.like)}`}`,
      );
    default: {
      const range = rangeProblem(keyword, params, shown, value);
      return range === undefined ? say('INVALID', 'is not valid here') : say('RANGE', range);
    }
  }
}

function keyHelp(hint: string, keys: readonly string[] | undefined): { help?: string } {
  return hint === '' && keys !== undefined && keys.length > 0 ? { help: `its keys are ${keys.join(', ')}` } : {};
}

const nameRule = 'must be letters, digits and _, with a letter or _ first, and at most 64 of them';

function rangeProblem(
  keyword: string,
  params: Record<string, unknown>,
  shown: string,
  value: unknown,
): string | undefined {
  const limit = Number(params.limit);
  const things = Array.isArray(value) ? 'items' : 'keys';
  const count = (n: number, one: string) => `${n} ${n === 1 ? one.replace(/s$/, '') : one}`;
  switch (keyword) {
    case 'minimum':
      return `must be at least ${limit}, and is ${shown}`;
    case 'maximum':
      return `must be at most ${limit}, and is ${shown}`;
    case 'exclusiveMinimum':
      return `must be more than ${limit}, and is ${shown}`;
    case 'exclusiveMaximum':
      return `must be less than ${limit}, and is ${shown}`;
    case 'multipleOf':
      return `must be a multiple of ${params.multipleOf}, and is ${shown}`;
    case 'minLength':
      return limit === 1 ? 'must not be empty' : `must have at least ${count(limit, 'characters')}, and is ${shown}`;
    case 'maxLength':
      return `must have at most ${count(limit, 'characters')}`;
    case 'minItems':
    case 'minProperties':
      return limit === 1 ? 'must not be empty' : `must have at least ${count(limit, things)}`;
    case 'maxItems':
    case 'maxProperties':
      return `must have at most ${count(limit, things)}`;
    case 'uniqueItems':
      return `has ${showValue((value as unknown[])[Number(params.i)])} twice`;
    default:
      return undefined;
  }
}
