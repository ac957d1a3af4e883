// What a task refuses: options that do not fit where they stand, and those that this version cannot run yet.
import type { AnyConnection, Capability } from '../engine/contracts/connector.ts';
import type { Target } from '../engine/contracts/task.ts';
import { failure } from '../engine/errors.ts';

/** Fails with OPTION_UNSUPPORTED for the first of the named options that is set. */
export function refuseOptions<P extends object>(
  params: P,
  names: readonly (keyof P & string)[],
  where: string,
  hint = '',
): void {
  for (const name of names) {
    if (params[name] !== undefined) throw failure('OPTION_UNSUPPORTED', { what: `\`${name}\``, where, hint });
  }
}

const abilities: Record<Capability, string> = {
  list: 'list what it has',
  read: 'be read from',
  write: 'be written to',
  query: 'run SQL',
  request: 'make HTTP calls',
  send: 'send messages',
  describe: 'describe what it has',
  remove: 'delete anything',
  removeFiles: 'delete many files at once',
  makeFolder: 'make folders',
  copy: 'copy by itself',
  checkpoint: 'keep checkpoints',
};

/** The operation of the target's connection, ready to be called; CAPABILITY_MISSING where it has none. */
export function operation<K extends Capability>(target: Target, name: K): NonNullable<AnyConnection[K]> {
  const found = target.connection[name];
  if (found === undefined) {
    const connector = `${target.shown} (connector ${target.connector})`;
    throw failure('CAPABILITY_MISSING', { connector, capability: abilities[name] });
  }
  return found.bind(target.connection) as NonNullable<AnyConnection[K]>;
}
