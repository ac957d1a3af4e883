// Why an evaluation failed: thrown inside expressions, cheap to make, turned into a Failure at the boundary.

/** Not an Error, so that no stack is taken: `||` and `&&` throw such things away by the million. */
export class Problem {
  readonly #reason: string | (() => string);

  constructor(reason: string | (() => string)) {
    this.#reason = reason;
  }

  get reason(): string {
    return typeof this.#reason === 'string' ? this.#reason : this.#reason();
  }
}

/** An operator or a call as it is written, for messages. */
export interface Site {
  /** `+`, `<`, `upper`. */
  readonly name: string;
  /** The text of each operand; of a method, the receiver first. */
  readonly operands: readonly string[];
}

const shownLength = 40;

/** Text in quotes, cut where it is long. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > shownLength ? `${text.slice(0, shownLength)}…` : text);
}
