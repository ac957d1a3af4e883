// How a request gets its credential, whatever kind it is of.
import type { CallOptions } from '../../../engine/contracts/connector.ts';
import type { Credential } from '../../../engine/contracts/credentials.ts';

export interface Access {
  /** What to call it in messages; `none` where requests carry no credential. */
  readonly kind: string;
  /** The header that carries the credential, in lower case; undefined where none does. */
  readonly header: string | undefined;
  /** Puts the credential into a request that goes to an own host. What it gives tells `renew` which one that was. */
  sign(url: URL, headers: Record<string, string>, o: CallOptions): Promise<Signed>;
  /** Takes the key out of an address elsewhere that a redirect has put it into. */
  strip(url: URL): undefined;
  /** After a 401: the next request asks the store again. False where there is nothing to ask for. */
  renew(refused: Signed): boolean;
}

export type Signed = { credential: Promise<Credential> } | { token: string } | undefined;
