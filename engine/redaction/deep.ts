// A copy of any value with its texts redacted: what events, reports and errors go through.
import { types } from 'node:util';
import { isSecret, mark } from '../secret.ts';

/**
 * For output, not for work: errors keep their class, with message, stack, cause and every other property redacted;
 * other instances become what they print as.
 */
export function redactDeep<T>(value: T, redact: (text: string) => string): T {
  const seen = new Map<object, unknown>();

  const visit = (value: unknown): unknown => {
    switch (typeof value) {
      case 'string':
        return redact(value);
      case 'number':
      case 'bigint':
        return redact(String(value)) === String(value) ? value : mark;
      case 'object':
        return value === null || isSecret(value) ? value : visitObject(value);
      default:
        return value;
    }
  };

  const visitObject = (value: object): unknown => {
    const known = seen.get(value);
    if (known !== undefined) return known;
    const keep = <C extends object>(copy: C): C => {
      seen.set(value, copy);
      return copy;
    };
    if (Array.isArray(value)) {
      const copy: unknown[] = keep([]);
      for (const item of value) copy.push(visit(item));
      return copy;
    }
    if (types.isNativeError(value) || value instanceof Error) {
      // A DOMException is one by what is inside it: its getters refuse a copy of its prototype.
      const copy =
        value instanceof DOMException
          ? keep(new DOMException(redact(value.message), value.name))
          : keep(Object.create(Object.getPrototypeOf(value)));
      // Engines differ in whether `stack` is a property like others.
      return copyProperties(value, copy, [...new Set<string | symbol>(['stack', ...Reflect.ownKeys(value)])]);
    }
    if (ArrayBuffer.isView(value)) return redactBytes(value, redact);
    if (types.isDate(value) || types.isRegExp(value) || types.isPromise(value)) return value;
    if (types.isBoxedPrimitive(value)) return visit(value.valueOf());
    if (value instanceof Map) {
      const copy = keep(new Map());
      for (const [key, item] of value) copy.set(visit(key), visit(item));
      return copy;
    }
    if (value instanceof Set) {
      const copy = keep(new Set());
      for (const item of value) copy.add(visit(item));
      return copy;
    }
    if (value instanceof URL || value instanceof URLSearchParams) return redact(String(value));
    if (value instanceof Headers) return visit(Object.fromEntries(value));
    const plain = Object.getPrototypeOf(value) === Object.prototype || Object.getPrototypeOf(value) === null;
    if (!plain && 'toJSON' in value && typeof value.toJSON === 'function') {
      const shown: unknown = value.toJSON();
      if (shown !== value) return visit(shown);
    }
    return copyProperties(value, keep({}), Object.keys(value));
  };

  const copyProperties = (from: object, to: object, keys: readonly (string | symbol)[]): object => {
    for (const key of keys) {
      let item: unknown;
      try {
        item = visit(Reflect.get(from, key));
      } catch {
        item = '[unreadable]';
      }
      const enumerable = Object.getOwnPropertyDescriptor(from, key)?.enumerable ?? false;
      Object.defineProperty(to, typeof key === 'string' ? redact(key) : key, {
        value: item,
        enumerable,
        writable: true,
        configurable: true,
      });
    }
    return to;
  };

  return visit(value) as T;
}

function redactBytes(view: ArrayBufferView, redact: (text: string) => string): ArrayBufferView {
  const text = Buffer.from(view.buffer, view.byteOffset, view.byteLength).toString('latin1');
  const redacted = redact(text);
  return redacted === text ? view : Buffer.from(redacted, 'latin1');
}
