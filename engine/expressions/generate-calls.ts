// The code of functions and macros.
import * as access from './access.ts';
import type { FunctionEntry } from './function-entry.ts';
import { textAt } from './function-entry.ts';
import { functions } from './functions.ts';
import { toDouble } from './functions-number.ts';
import type { Generator, Operand } from './generate.ts';
import { type ASTNode, bindingOf, fieldName, namespacedName } from './parse.ts';
import { Problem, type Site } from './problem.ts';
import { matcherOf } from './regex.ts';

type Call = ASTNode & { op: 'call' | 'rcall' };

export function generateCall(generator: Generator, node: Call): Operand {
  const bound = generator.boundNames();
  const namespaced = namespacedName(node, bound);
  const name = namespaced ?? node.args[0];
  const operands = node.op === 'call' ? node.args[1] : node.args[2];
  const receiver = node.op === 'rcall' && namespaced === undefined ? node.args[1] : undefined;
  const binding = bindingOf(node, bound);
  if (binding !== undefined) {
    if (name === 'cel.bind') return generateBind(generator, binding.variable, operands);
    return generateLoop(generator, name, receiver!, binding.variable, binding.inside);
  }
  switch (receiver === undefined ? name : '') {
    case 'has':
      return generateHas(generator, operands[0]!);
    case 'default':
    case 'coalesce':
      return generateDefault(generator, operands, 'null', (code) => `${code} != null`);
    case 'secret':
    case 'file': {
      const operand = generator.value(operands[0]!).code;
      return generator.assign(
        `${generator.constant(fromScope)}(s.${name}, ${operand}, ${generator.site(name, operands)})`,
      );
    }
    case 'optional.none':
      return { code: 'undefined', type: 'optional' };
    case 'optional.of':
      return { code: generator.value(operands[0]!).code, type: 'optional' };
  }
  if (receiver !== undefined) {
    switch (name) {
      case 'orValue':
      case 'or': {
        const both = [receiver, ...operands];
        const result = generateDefault(generator, both, 'undefined', (code) => `${code} !== undefined`);
        return { code: result.code, type: name === 'or' ? 'optional' : 'any' };
      }
      case 'hasValue':
        return generator.assign(`${generator.value(receiver).code} !== undefined`, 'boolean');
      case 'value': {
        const { code } = generator.value(receiver);
        generator.line(
          `if (${code} === undefined) ${generator.constant(noValue)}(${generator.site(name, [receiver])});`,
        );
        return { code, type: 'any' };
      }
    }
  }
  return generateFunction(generator, functions.get(name)!, receiver === undefined ? operands : [receiver, ...operands]);
}

function generateFunction(
  generator: Generator,
  { name, run, returns }: FunctionEntry,
  operands: readonly ASTNode[],
): Operand {
  const values = operands.map((operand) => generator.present(operand));
  if (name === 'matches') {
    const pattern = operands[1]!;
    const matcher = pattern.op === 'value' ? matcherOf(String(pattern.args)) : undefined;
    if (matcher !== undefined)
      return generator.assign(
        `${generator.constant(matcher)}(${generator.constant(textAt)}(${generator.site(name, operands)}, 0, ${values[0]}))`,
        'boolean',
      );
  }
  const call = `${generator.constant(run)}(${[generator.site(name, operands), ...values].join(', ')})`;
  if (run === toDouble) return generator.assign(`typeof ${values[0]} === 'number' ? ${values[0]} : ${call}`, 'double');
  return generator.assign(call, returns ?? 'any');
}

function noValue(site: Site): never {
  throw new Problem(`${site.operands[0]} is missing; write ${site.operands[0]}.orValue(…)`);
}

function fromScope(run: unknown, operand: unknown, site: Site): unknown {
  if (typeof run !== 'function') access.nameMissing(site.name);
  return run(textAt(site, 0, operand));
}

// The first operand that is there; those behind it are not computed.
function generateDefault(
  generator: Generator,
  operands: readonly ASTNode[],
  otherwise: string,
  there: (code: string) => string,
): Operand {
  const result = generator.variable();
  const label = `d${result}`;
  generator.line(`${label}: {`);
  operands.forEach((operand, index) => {
    const { code } = generator.value(operand);
    generator.line(`${result} = ${code};`);
    if (index < operands.length - 1) generator.line(`if (${there(result)}) break ${label};`);
  });
  generator.line('}');
  if (otherwise === 'null') generator.line(`if (${result} === undefined) ${result} = null;`);
  return { code: result, type: 'any' };
}

// What stands before the last field must be there; the last may be missing.
function generateHas(generator: Generator, node: ASTNode): Operand {
  const [receiver] = node.args as [ASTNode];
  const from = generator.value(receiver);
  const field = `${generator.constant(access.optionalField)}(${from.code}, ${generator.constant(fieldName(node))})`;
  return generator.assign(`${field} !== undefined`, 'boolean');
}

function generateBind(generator: Generator, variable: string, operands: readonly ASTNode[]): Operand {
  const value = generator.value(operands[1]!);
  return generator.within(variable, value, () => generator.value(operands[2]!));
}

function generateLoop(
  generator: Generator,
  name: string,
  receiver: ASTNode,
  variable: string,
  inside: readonly ASTNode[],
): Operand {
  const items = generator.assign(
    `${generator.constant(access.itemsOf)}(${generator.present(receiver)}, ${generator.site(name, [receiver])})`,
  );
  const [result, at, element] = [generator.variable(), generator.variable(), generator.variable()];
  const start = { all: 'true', exists: 'false', exists_one: '0' }[name] ?? '[]';
  generator.line(`${result} = ${start};`);
  const loop = `for (${at} = 0; ${at} < ${items.code}.length; ${at}++) {`;
  const within = <T>(write: () => T) => generator.within(variable, { code: element, type: 'any' }, write);
  if (name === 'all' || name === 'exists') {
    const decisive = name === 'exists';
    const error = generator.variable();
    generator.line(`${error} = undefined;`, loop, 'try {', `${element} = ${items.code}[${at}];`);
    const { code } = within(() => generator.truth(inside[0]!));
    generator.line(
      `if (${code} === ${decisive}) { ${result} = ${decisive}; break; }`,
      `} catch (e) { if (${error} === undefined) ${error} = e; }`,
      '}',
    );
    generator.line(`if (${result} !== ${decisive} && ${error} !== undefined) throw ${error};`);
    return { code: result, type: 'boolean' };
  }
  generator.line(loop, `${element} = ${items.code}[${at}];`);
  within(() => {
    const conditional = name !== 'map' || inside.length === 2;
    if (conditional) generator.line(`if (${generator.truth(inside[0]!).code}) {`);
    if (name === 'exists_one') generator.line(`${result}++;`);
    else generator.line(`${result}.push(${name === 'filter' ? element : generator.present(inside.at(-1)!)});`);
    if (conditional) generator.line('}');
  });
  generator.line('}');
  return name === 'exists_one' ? generator.assign(`${result} === 1`, 'boolean') : { code: result, type: 'any' };
}
