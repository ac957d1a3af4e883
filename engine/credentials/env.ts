// Credentials from environment variables, PIPE_<NAME>_<FIELD>. Read-only.
import type { CredentialStore } from '../contracts/credentials.ts';
import { credentialOf } from '../secret.ts';
import { checkName, environmentName } from './names.ts';

/**
 * A variable belongs to whichever connection asks for it: `PIPE_A_B_C` is field `c` of `a-b` and field `b_c` of `a`, so
 * whoever knows the connection's secret fields says them. Without `fields`, every variable that begins like the name
 * is taken. A variable that is set to nothing is no value.
 */
export function createEnvStore(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): CredentialStore {
  return {
    name: 'env',
    async get(name, { signal, fields }) {
      signal.throwIfAborted();
      checkName(name);
      const found: Record<string, string> = {};
      for (const field of fields ?? fieldsOf(name, environment)) {
        const value = environment[environmentName(name, field)];
        if (value) found[field] = value;
      }
      return Object.keys(found).length === 0 ? undefined : { fields: credentialOf(found) };
    },
    async close() {},
  };
}

function fieldsOf(name: string, environment: Readonly<Record<string, string | undefined>>): string[] {
  const prefix = environmentName(name);
  const variables = Object.keys(environment).filter(
    (variable) => variable.startsWith(prefix) && variable.length > prefix.length,
  );
  return variables.map((variable) => variable.slice(prefix.length).toLowerCase()).sort();
}
