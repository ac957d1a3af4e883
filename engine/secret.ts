// A secret value that cannot be printed: only `reveal()` gives it.
import { inspect } from 'node:util';
import type { Credential, Secret } from './contracts/credentials.ts';

/** What every printed form of a secret is. */
export const mark = '[secret]';

// A class for its private field: no reflection, clone or inspection reaches it, as it would a closure's functions.
class Hidden implements Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
    Object.freeze(this);
  }

  reveal(): string {
    return this.#text;
  }

  toString(): typeof mark {
    return mark;
  }

  toJSON(): typeof mark {
    return mark;
  }

  [Symbol.toPrimitive](): typeof mark {
    return mark;
  }

  [inspect.custom](): typeof mark {
    return mark;
  }

  static is(value: unknown): value is Secret {
    return typeof value === 'object' && value !== null && #text in value;
  }
}
Object.freeze(Hidden.prototype);

export function secret(text: string): Secret {
  return new Hidden(text);
}

/** Whether `secret` made it. */
export function isSecret(value: unknown): value is Secret {
  return Hidden.is(value);
}

/** Fields of plain text as a credential. */
export function credentialOf(fields: Record<string, string>): Credential {
  return Object.fromEntries(Object.entries(fields).map(([name, text]) => [name, secret(text)]));
}

/** The plain text of a credential's fields: for a store or a driver, never for output. */
export function revealed(credential: Credential): Record<string, string> {
  return Object.fromEntries(Object.entries(credential).map(([name, value]) => [name, value.reveal()]));
}
