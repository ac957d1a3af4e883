// SQL text as MySQL has it: names between backticks, texts where a backslash must be doubled.
import type { Value } from '../../engine/contracts/data.ts';
import { jsonText } from '../shared/json-text.ts';

export function quoteName(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

export function quoteText(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}

/** A parameter's value as a literal of its own type. */
export function literal(value: Value): string {
  switch (typeof value) {
    case 'string':
      return quoteText(value);
    case 'number':
      if (!Number.isFinite(value)) return quoteText(String(value));
      // With an exponent it is a double; without, a decimal is exact.
      return Number.isInteger(value) && Math.abs(value) < 1e21 ? String(value) : value.toExponential();
    case 'bigint':
      return String(value);
    case 'boolean':
      return value ? '1' : '0';
    default:
      if (value === null) return 'null';
      if (value instanceof Uint8Array) return `x'${Buffer.from(value).toString('hex')}'`;
      return quoteText(jsonText(value));
  }
}

/** Texts, quoted names, comments, and last a placeholder. */
const piece =
  /'(?:[^'\\]+|\\[\s\S]|'')*'|"(?:[^"\\]+|\\[\s\S]|"")*"|`(?:[^`]+|``)*`|--(?=\s|$)[^\n]*|#[^\n]*|\/\*[\s\S]*?\*\/|(\?)/g;

/** The statement with its placeholders replaced by the values, and how many it had. */
export function putParameters(statement: string, values: readonly Value[]): { bound: string; count: number } {
  let count = 0;
  const bound = statement.replace(piece, (text, placeholder: string | undefined) => {
    if (placeholder === undefined) return text;
    const value = values[count++];
    return value === undefined ? text : ` ${literal(value)} `;
  });
  return { bound, count };
}
