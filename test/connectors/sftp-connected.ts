// What the sftp tests share: a server of the test with a connection to it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { connector } from '../../connectors/sftp/index.ts';
import type { Credential } from '../../engine/contracts/credentials.ts';
import { secret } from '../../engine/secret.ts';
import { connectorContext, never } from '../conformance/files.ts';
import { type SftpServerOptions, startSftpServer } from '../servers/sftp.ts';

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'pipewright-sftp-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export type Server = Awaited<ReturnType<typeof startSftpServer>>;

export interface Given {
  server?: Partial<SftpServerOptions>;
  config?: (server: Server) => Record<string, unknown>;
  credential?: Record<string, string>;
}

const rightPassword = { password: 'open sesame' };

export async function connected({ server: options = {}, config = () => ({}), credential = rightPassword }: Given = {}) {
  const folder = temporaryFolder();
  const server = await startSftpServer({ folder, ...options });
  const retries: string[] = [];
  const secrets: Credential = Object.fromEntries(
    Object.entries(credential).map(([name, value]) => [name, secret(value)]),
  );
  const whole = {
    host: '127.0.0.1',
    port: server.port,
    user: 'tester',
    host_key: server.fingerprint,
    ...config(server),
  };
  const context = connectorContext('files', { credential: secrets, onRetry: (code) => retries.push(code) });
  const connection = connector.open(whole, context);
  onTestFinished(async () => {
    await connection.close();
    await server.close();
  });
  return { folder, server, connection, retries };
}

export const verified = async (given: Given) => (await connected(given)).connection.verify({ signal: never });
