// Writes JavaScript for an expression. No text of the expression gets into it: names and literals are constants, by number.
import type { Column } from '../contracts/data.ts';
import * as access from './access.ts';
import { Decimal } from './decimal.ts';
import type { StaticType } from './function-entry.ts';
import { typeNames } from './functions-list.ts';
import { generateCall } from './generate-calls.ts';
import { generateBinary, generateNegation, notBoolean } from './generate-operators.ts';
import { type ASTNode, chainOf, fieldName, literalOf, type ParsedExpression } from './parse.ts';
import type { Site } from './problem.ts';

/** A value in the code being written: a variable, or a constant. */
export interface Operand {
  code: string;
  type: StaticType;
  /** What it is, where that is known before anything runs. */
  constant?: unknown;
}

/** A value as JavaScript: `code` is the body of a function of `constants` that returns the function of a scope. */
export interface Generated {
  code: string;
  constants: unknown[];
}

/** Names that every object has by its prototype; reading them needs a look at whose they are. */
const inherited = (name: string) => name in Object.prototype;

export class Generator {
  readonly parsed: ParsedExpression;
  readonly #decimals: ReadonlySet<string>;
  readonly #constants: unknown[] = [];
  readonly #numbers = new Map<unknown, string>();
  readonly #lines: string[] = [];
  #variables = 0;
  /** Variables of macros, by their names, innermost last. */
  readonly bound = new Map<string, Operand[]>();

  constructor(parsed: ParsedExpression, columns: readonly Column[] | undefined) {
    this.parsed = parsed;
    this.#decimals = new Set(
      columns?.filter(({ type, untyped }) => type === 'decimal' && untyped !== true).map(({ name }) => name),
    );
  }

  /** The whole: `finish` makes what leaves of the result (`always`, or only of what needs it), `fail` an error of what was thrown. */
  generate(finish: (value: unknown) => unknown, always: boolean, fail: (error: unknown) => never): Generated {
    const result = this.#result(this.parsed.ast, this.constant(finish), always);
    const names = (letter: string, count: number) => Array.from({ length: count }, (_, i) => `${letter}${i}`);
    const failing = this.constant(fail);
    const constants = names('k', this.#constants.length).map((name, i) => `const ${name} = k[${i}];`);
    const variables = this.#variables === 0 ? '' : `let ${names('t', this.#variables).join(', ')};`;
    const body = [variables, 'try {', ...this.#lines, `return ${result};`, `} catch (e) { ${failing}(e); }`];
    return {
      code: ['"use strict";', ...constants, 'return function (s) {', ...body, '};'].join('\n'),
      constants: this.#constants,
    };
  }

  // A field of a row that is the whole expression is handed on as it is, a decimal with its digits.
  #result(node: ASTNode, finish: string, always: boolean): string {
    const { code, type } = fieldName(node) !== undefined ? this.#access(node, false) : this.value(node);
    return !always && (type === 'boolean' || type === 'double' || type === 'text') ? code : `${finish}(${code})`;
  }

  line(...lines: string[]): void {
    this.#lines.push(...lines);
  }

  variable(): string {
    return `t${this.#variables++}`;
  }

  /** A constant as code. */
  constant(value: unknown): string {
    let name = this.#numbers.get(value);
    // A map takes -0 for 0.
    if (name === undefined || Object.is(value, -0)) {
      name = `k${this.#constants.length}`;
      this.#constants.push(value);
      if (!Object.is(value, -0)) this.#numbers.set(value, name);
    }
    return name;
  }

  /** Writes an assignment to a new variable. */
  assign(code: string, type: StaticType = 'any'): Operand {
    const name = this.variable();
    this.line(`${name} = ${code};`);
    return { code: name, type };
  }

  site(name: string, operands: readonly ASTNode[]): string {
    const site: Site = { name, operands: operands.map(({ start, end }) => this.parsed.source.slice(start, end)) };
    return this.constant(site);
  }

  literal(value: unknown): Operand {
    const type =
      typeof value === 'bigint'
        ? 'integer'
        : typeof value === 'number'
          ? 'double'
          : typeof value === 'string'
            ? 'text'
            : typeof value === 'boolean'
              ? 'boolean'
              : 'any';
    return {
      code: value === null || typeof value === 'boolean' ? String(value) : this.constant(value),
      type,
      constant: value,
    };
  }

  boundNames(): ReadonlySet<string> {
    return new Set([...this.bound].filter(([, operands]) => operands.length > 0).map(([name]) => name));
  }

  /** Writes `inside` with a macro's variable in scope. */
  within<T>(variable: string, operand: Operand, inside: () => T): T {
    const operands = this.bound.get(variable) ?? [];
    this.bound.set(variable, [...operands, operand]);
    const result = inside();
    this.bound.set(variable, operands);
    return result;
  }

  /** Writes what computes a node. */
  value(node: ASTNode): Operand {
    switch (node.op) {
      case 'value':
        return this.literal(literalOf(node));
      case 'id':
        return this.#name(node.args);
      case '.':
      case '.?':
      case '[]':
      case '[?]':
        return this.#access(node, true);
      case '&&':
      case '||':
        return this.#logic(node);
      case '?:':
        return this.#choice(node);
      case '!_': {
        const operand = this.truth(node.args);
        return { code: `!${operand.code}`, type: 'boolean' };
      }
      case '-_':
        return generateNegation(this, node);
      case 'call':
      case 'rcall':
        return generateCall(this, node);
      case 'list':
        return this.assign(`[${node.args.map((each) => this.present(each)).join(', ')}]`);
      case 'map':
        return this.#map(node);
      default:
        return generateBinary(this, node);
    }
  }

  /** The code of a value in a place where nothing is null: an element of a list, an operand of a function. */
  present(node: ASTNode): string {
    const { code, type } = this.value(node);
    return type === 'optional' ? `(${code} === undefined ? null : ${code})` : code;
  }

  /** A value that must be true or false. */
  truth(node: ASTNode): Operand {
    const operand = this.value(node);
    if (operand.type !== 'boolean') {
      const { code } = operand;
      this.line(
        `if (${code} !== true && ${code} !== false) ${this.constant(notBoolean)}(${code}, ${this.site('', [node])});`,
      );
    }
    return { code: operand.code, type: 'boolean' };
  }

  #name(name: string): Operand {
    const bound = this.bound.get(name)?.at(-1);
    if (bound !== undefined) return bound;
    if ((typeNames as readonly string[]).includes(name)) return this.literal(name);
    const operand = this.assign(`s[${this.constant(name)}]`);
    this.line(`if (${operand.code} === undefined) ${this.constant(access.nameMissing)}(${this.constant(name)});`);
    return operand;
  }

  #access(node: ASTNode & { op: string }, computed: boolean): Operand {
    const [receiver, key] = node.args as [ASTNode, ASTNode | string];
    const name = fieldName(node);
    const from = this.value(receiver);
    const optional = node.op === '.?' || node.op === '[?]' || from.type === 'optional';
    if (name === undefined) return this.#element(node, from, receiver, key as ASTNode, optional);
    const code = this.constant(name);
    if (receiver.op !== 'id' || receiver.args !== 'record' || this.bound.get('record')?.length) {
      if (optional) return this.assign(`${this.constant(access.optionalField)}(${from.code}, ${code})`, 'optional');
      return this.assign(`${this.constant(access.field)}(${from.code}, ${code}, ${this.site(name, [receiver])})`);
    }
    // A row is a plain object, so its fields are read without a detour.
    const read = inherited(name) ? `${this.constant(access.own)}(${from.code}, ${code})` : `${from.code}[${code}]`;
    const field = this.assign(read, optional ? 'optional' : 'any');
    if (!optional)
      this.line(
        `if (${field.code} === undefined) ${this.constant(access.missing)}(${from.code}, ${code}, ${this.site(name, [receiver])});`,
      );
    if (computed && this.#decimals.has(name))
      this.line(`if (${field.code} != null) ${field.code} = ${this.constant(Decimal.from)}(${field.code});`);
    return field;
  }

  #element(node: ASTNode, from: Operand, receiver: ASTNode, key: ASTNode, optional: boolean): Operand {
    const at = this.value(key).code;
    if (optional) return this.assign(`${this.constant(access.optionalElement)}(${from.code}, ${at})`, 'optional');
    return this.assign(`${this.constant(access.element)}(${from.code}, ${at}, ${this.site(node.op, [receiver, key])})`);
  }

  #map(node: ASTNode & { op: 'map' }): Operand {
    const map = this.assign('{}');
    for (const [key, value] of node.args) {
      const [name, each] = [this.value(key).code, this.value(value).code];
      this.line(`${this.constant(access.setEntry)}(${map.code}, ${name}, ${each});`);
    }
    return map;
  }

  #choice(node: ASTNode & { op: '?:' }): Operand {
    const [condition, yes, no] = node.args;
    const result = this.variable();
    this.line(`if (${this.truth(condition).code}) {`);
    const first = this.value(yes);
    this.line(`${result} = ${first.code};`, '} else {');
    const second = this.value(no);
    this.line(`${result} = ${second.code};`, '}');
    const optional = first.type === 'optional' || second.type === 'optional';
    return { code: result, type: first.type === second.type ? first.type : optional ? 'optional' : 'any' };
  }

  // CEL's logic: one operand that decides makes up for others that fail.
  #logic(node: ASTNode & { op: '&&' | '||' }): Operand {
    const decisive = node.op === '||';
    const [result, error, label] = [this.variable(), this.variable(), `l${this.#variables}`];
    const operands = chainOf(node);
    this.line(`${result} = ${!decisive}; ${error} = undefined;`, `${label}: {`);
    operands.forEach((operand, index) => {
      const last = index === operands.length - 1;
      if (!last) this.line('try {');
      const { code } = this.truth(operand);
      this.line(`if (${code} === ${decisive}) { ${result} = ${decisive}; ${error} = undefined; break ${label}; }`);
      if (!last) this.line(`} catch (e) { if (${error} === undefined) ${error} = e; }`);
    });
    this.line('}', `if (${error} !== undefined) throw ${error};`);
    return { code: result, type: 'boolean' };
  }
}
