// Where a database server is, and as whom one comes to it.
import { userInfo } from 'node:os';
import { failure } from '../../engine/errors.ts';

export interface Address {
  /** Or the path of the socket. */
  host: string;
  port: number;
  user: string;
  database: string;
}

/** What a connection says of it. */
interface Given {
  url?: string | undefined;
  host?: string | undefined;
  port?: number | undefined;
  user?: string | undefined;
  database?: string | undefined;
}

/** From the fields of a connection, or its `url`. Throws CONNECTION_INVALID, with the connection's name, for one that cannot be read. */
export function addressOf(config: Given, name: string, standardPort: number): Address {
  if (config.url === undefined) {
    const { host = 'localhost', port = standardPort, user = userInfo().username, database = user } = config;
    return { host, port, user, database };
  }
  const invalid = (reason: string) => failure('CONNECTION_INVALID', { reason: `${name}: its \`url\` ${reason}` });
  if (!URL.canParse(config.url)) throw invalid('cannot be read');
  const url = new URL(config.url);
  if (url.password !== '') throw invalid('has a password in it; keep that in a credential store');
  if (url.search !== '') throw invalid('has options after "?"; give them as fields of the connection');
  const user = decodeURIComponent(url.username) || config.user || userInfo().username;
  return {
    host: decodeURIComponent(url.hostname).replace(/^\[(.*)\]$/, '$1') || config.host || 'localhost',
    port: Number(url.port) || config.port || standardPort,
    user,
    database: decodeURIComponent(url.pathname.slice(1)) || config.database || user,
  };
}
