// Whether a connector can do what a path in its connection is used for.
import type { PathUse } from '../../schemas/generated/language.ts';
import type { Capability } from '../contracts/connector.ts';
import { hasPattern } from '../paths.ts';
import type { TaskPlace } from '../validate/tasks.ts';
import type { Checking } from './checking.ts';
import type { PathFacts } from './formats.ts';
import { factsOf, type PathText } from './path-texts.ts';

const capabilityOf: Readonly<Record<PathUse, Capability | undefined>> = {
  read: 'read',
  write: 'write',
  list: 'list',
  delete: 'remove',
  mkdir: 'makeFolder',
  request: 'request',
  pipe: undefined,
};

const doneTo: Readonly<Record<Capability, string>> = {
  read: 'be read from',
  write: 'be written to',
  list: 'be listed',
  query: 'run SQL',
  request: 'be called',
  send: 'send messages',
  describe: 'be described',
  remove: 'have things deleted',
  removeFiles: 'have many files deleted at once',
  makeFolder: 'have folders made',
  copy: 'copy by itself',
  checkpoint: 'keep checkpoints',
};

/** `inside`: the path in the connection. */
export async function connected(
  checking: Checking,
  place: TaskPlace,
  path: PathText,
  name: string,
  inside: string,
): Promise<PathFacts | undefined> {
  const { connector } = checking.connections.find(name)!.definition;
  if (typeof connector !== 'string') return undefined;
  const pattern = hasPattern(inside);
  return await onConnector(checking, place, path, {
    connector,
    shown: `connection "${name}"`,
    where: 'connection',
    pattern,
  });
}

interface OnConnector {
  connector: string;
  shown: string;
  where: 'connection' | 'url';
  pattern: boolean;
}

/** Whether the connector can do what the path is used for. */
export async function onConnector(
  checking: Checking,
  place: TaskPlace,
  path: PathText,
  { connector, shown, where, pattern }: OnConnector,
): Promise<PathFacts | undefined> {
  const shape = await checking.connectorShape(connector);
  if (shape === undefined) return undefined;
  const capability = place.task.query !== undefined && path.use === 'read' ? 'query' : capabilityOf[path.use];
  const refuse = (problem: string) => {
    const message = `${path.label}: ${shown} cannot ${problem}`;
    checking.reporter.report({ code: 'CAPABILITY_MISSING', message, pointer: path.pointer });
    return undefined;
  };
  if (capability !== undefined && !shape.capabilities.includes(capability))
    return refuse(`${doneTo[capability]}; ${connector} cannot do that`);
  if (pattern && path.use === 'read' && shape.stores === 'files' && !shape.capabilities.includes('list')) {
    return refuse('be listed, so that no file fits a pattern; name one file');
  }
  return factsOf(place, path, { where, stores: shape.stores });
}
