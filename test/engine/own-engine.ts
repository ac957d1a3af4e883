// An engine with folders of its own, so that a test neither sees nor changes the connections of whoever runs it.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createEngine, type Engine, type EngineOptions } from '../../index.ts';

export interface OwnEngine {
  engine: Engine;
  /** Where pipes and the project are. */
  folder: string;
  configFolder: string;
  stateFolder: string;
  /** Writes a file below the folder. */
  put(path: string, text: string): string;
  /** A file's text, from the folder; undefined when it is not there. */
  text(path: string): string | undefined;
  registry(): string | undefined;
  /** Another engine in the same place, as another process would be. */
  again(options?: EngineOptions): Engine;
  close(): Promise<void>;
}

/** With an encrypted file as the only store, unless told. */
export function ownEngine(options: EngineOptions = {}): OwnEngine {
  const root = mkdtempSync(join(tmpdir(), 'pipe-own-'));
  const [folder, configFolder, stateFolder] = ['work', 'config', 'state'].map((name) => join(root, name)) as [
    string,
    string,
    string,
  ];
  mkdirSync(folder);
  const passphrase = join(root, 'passphrase');
  writeFileSync(passphrase, 'correct horse battery', { mode: 0o600 });
  const path = join(root, 'credentials');
  const credentials = { name: 'file', path, passphrase_file: passphrase, cost: 10 };
  const engines: Engine[] = [];
  const again = (more: EngineOptions = {}) => {
    const engine = createEngine({ folder, configFolder, stateFolder, credentials, ...options, ...more });
    engines.push(engine);
    return engine;
  };
  const read = (file: string) => {
    try {
      return readFileSync(file, 'utf8');
    } catch {
      return undefined;
    }
  };
  return {
    engine: again(),
    folder,
    configFolder,
    stateFolder,
    put(name, text) {
      const file = join(folder, name);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
      return file;
    },
    text: (name) => read(join(folder, name)),
    registry: () => read(join(configFolder, 'connections.yaml')),
    again,
    async close() {
      await Promise.all(engines.map((engine) => engine.close()));
      rmSync(root, { recursive: true });
    },
  };
}
