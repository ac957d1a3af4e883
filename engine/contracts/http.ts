// The contracts of HTTP: what stands between a connection and the network, and how tokens are got. Types only.

/** What HTTP goes through: it records what passes, or answers in place of the network. */
export interface Wire {
  /** The network is never asked, so that there is nothing to be careful of. */
  readonly offline: boolean;
  send(request: WireRequest, network: (request: WireRequest) => Promise<WireAnswer>): Promise<WireAnswer>;
}

export interface WireRequest {
  method: string;
  /** With the credential, where it goes into the query. */
  url: URL;
  /** Without it. */
  plain: URL;
  /** What the connection puts before its paths. */
  base?: string | undefined;
  /** By lower-case name. */
  headers: Record<string, string>;
  body?: Uint8Array | AsyncIterable<Uint8Array>;
  signal: AbortSignal;
}

export interface WireAnswer {
  status: number;
  /** By lower-case name; several of one name are joined by a comma. */
  headers: Record<string, string>;
  body: AsyncIterable<Uint8Array>;
  /** Ends the connection where the body is not read. */
  drop(): void;
}

/** An application at a service that gives tokens (RFC 6749). Its secret, where it has one, is the field `client_secret`. */
export interface OAuth {
  /** Who allows the access: a person in the browser, or the application itself. */
  flow: 'authorization_code' | 'client_credentials';
  clientId: string | undefined;
  tokenUrl: string;
  authorizeUrl?: string | undefined;
  /** RFC 8628. */
  deviceUrl?: string | undefined;
  scopes: readonly string[];
  scopeSeparator: string;
  /** RFC 7636. */
  pkce: boolean;
  clientAuth: 'basic' | 'body';
  /** More parameters for the authorize URL. */
  authorizeParams: Record<string, string>;
  /** How long the token endpoint may take; 30 s unless told. */
  timeoutMs?: number | undefined;
}
