// One scenario with two stores: the copy task from one to the other, and after a refusal the same again in good weather.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AnyConnector } from '../../engine/contracts/connector.ts';
import { assembleEngine } from '../../engine/engine.ts';
import { formats } from '../../pipes/formats/index.ts';
import { shapes, tasks } from '../../pipes/index.ts';
import { connectorContext } from '../../test/conformance/files.ts';
import type { Scenario } from './scenario.ts';
import type { FaultyStore } from './store.ts';
import { isEither, write } from './there-and-back.ts';

export interface Copier {
  copy(scenario: Scenario): Promise<void>;
  close(): Promise<void>;
}

/** Where both are one, the store copies by itself. */
export function createCopier(from: FaultyStore, to: FaultyStore): Copier {
  const home = mkdtempSync(join(tmpdir(), 'pipewright-faults-'));
  const known: Record<string, AnyConnector> = {
    [from.connector.name]: from.connector,
    [to.connector.name]: to.connector,
  };
  const connectors = Object.fromEntries(Object.entries(known).map(([name, each]) => [name, async () => each]));
  const engine = assembleEngine(
    { tasks, shapes, formats, connectors },
    { folder: home, configFolder: home, stateFolder: home, credentials: 'memory' },
  );
  return {
    async copy({ content, old, weather, wrong }) {
      const { random } = weather;
      const connections = {
        from: { connector: from.connector.name, ...from.config(random) },
        to: { connector: to.connector.name, ...to.config(random) },
      };
      const target = to === from ? 'copy' : to.path;
      const definition = {
        name: 'faults',
        connections,
        tasks: [
          {
            op: 'copy',
            from: `/from/${from.path}`,
            to: `/${to === from ? 'from' : 'to'}/${target}`,
            part_size: '5MiB',
            concurrency: 1 + Math.floor(random() * 4),
            verify: weather.verified ? 'checksum' : 'size',
          },
        ],
      };
      await fill(from, from.path, content);
      if (old !== undefined) await fill(to, target, old);
      from.disturb(weather);
      to.disturb(weather);
      const run = async () => {
        await engine.run(definition as never).result;
        if (to.bytes(target)?.equals(content) !== true) wrong('a copy was called done, and the target has other bytes');
        for (const left of to.leftovers()) wrong(`${left} was left`);
      };
      try {
        await run();
      } catch (error) {
        // Bytes are compared once they are there.
        if (!weather.verified && !isEither(to.bytes(target), content, old))
          wrong('a copy was refused, and left other bytes');
        for (const store of [from, to]) store.mend();
        await run().catch((again: Error) => wrong(`not done when all was well again: ${again.stack}`));
        throw error;
      } finally {
        for (const store of [from, to]) store.disturb();
      }
    },
    async close() {
      await engine.close();
      rmSync(home, { recursive: true });
    },
  };
}

async function fill(store: FaultyStore, path: string, content: Buffer): Promise<void> {
  const connection = store.connector.open(store.config(() => 0) as never, connectorContext('faulty'));
  await write(connection, path, content);
  await connection.close();
}
