// How credentials are named: in every store, and as environment variables.
import { failure } from '../errors.ts';

// So narrow that a name is a path segment, an account and a JSON key everywhere, and never leads out of a prefix.
const shape = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?$/;

/** An EID, an alias, or the like. */
export function isName(text: string): boolean {
  return shape.test(text);
}

/** Throws CREDENTIAL_NAME_INVALID. */
export function checkName(name: string): void {
  if (!isName(name)) throw failure('CREDENTIAL_NAME_INVALID', { name });
}

/** `my-twilio`, `auth_token` → `PIPE_MY_TWILIO_AUTH_TOKEN`. Without a field, what all of the name's begin with. */
export function environmentName(name: string, field = ''): string {
  return `PIPE_${name}_${field}`.toUpperCase().replaceAll(/[-.]/g, '_');
}
