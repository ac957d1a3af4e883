// The credential stores around a pipe: those that its project, or the user, says.
import type { Value } from './contracts/data.ts';
import type { StoreChoice, StoreContext } from './credentials/index.ts';
import { type CredentialStores, createStores } from './credentials/stores.ts';
import { compileValue } from './expressions.ts';
import type { ConnectionsFile } from './project.ts';
import { connectionScope } from './scope.ts';
import { evaluateWith, readSecretFile } from './secret-references.ts';

export interface CredentialAccessOptions {
  /** Wins over what the project says. */
  choice?: StoreChoice | readonly StoreChoice[];
  context: Omit<StoreContext, 'base'>;
}

/** The stores of each project, opened when they are first asked. */
export interface CredentialAccess {
  of(around: { project: ConnectionsFile | undefined; user: ConnectionsFile | undefined }): Promise<CredentialStores>;
  close(): Promise<void>;
}

export function createCredentialAccess({ choice, context }: CredentialAccessOptions): CredentialAccess {
  const opened = new Map<string, Promise<CredentialStores>>();

  return {
    of({ project, user }) {
      const file = choice !== undefined ? undefined : [project, user].find((each) => each?.credentials !== undefined);
      const key = file === undefined ? '' : JSON.stringify([file.folder, file.credentials]);
      let stores = opened.get(key);
      if (stores === undefined) {
        stores = open(choice, context, file);
        opened.set(key, stores);
        stores.catch(() => opened.delete(key));
      }
      return stores;
    },
    async close() {
      const all = await Promise.allSettled(opened.values());
      opened.clear();
      for (const each of all) if (each.status === 'fulfilled') await each.value.close();
    },
  };
}

async function open(
  choice: CredentialAccessOptions['choice'],
  context: Omit<StoreContext, 'base'>,
  file: ConnectionsFile | undefined,
): Promise<CredentialStores> {
  if (file === undefined) return createStores(choice, context);
  const options = await Promise.all(
    [file.credentials].flat().map((each) => evaluated(each as Value, file, context.learn)),
  );
  return createStores(options as StoreChoice[], { ...context, base: file.folder });
}

/** `${env.NAME}` and `${file("…")}` in a store's options. */
async function evaluated(
  value: Value,
  { folder, file }: ConnectionsFile,
  learn: StoreContext['learn'],
): Promise<Value> {
  const where = `credentials of ${file}`;
  const evaluate = compileValue(value, { where, names: ['env', 'file'] });
  if (evaluate === undefined) return value;
  return evaluateWith(evaluate, connectionScope({}), {
    async file(path) {
      const text = await readSecretFile(path, folder, where);
      learn?.(text);
      return text;
    },
  });
}
