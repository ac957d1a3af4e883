// The example s3-files-by-email runs as its README says, with a store and a mail server of the test; and the email task beyond it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connector as s3 } from '../../connectors/s3/index.ts';
import { secret } from '../../engine/secret.ts';
import { pipeCommand } from '../cli/pipe.ts';
import { connectorContext, put } from '../conformance/files.ts';
import { ownEngine } from '../engine/own-engine.ts';
import { testCertificate } from '../servers/certificate.ts';
import { type S3Server, startS3Server, testKey } from '../servers/s3.ts';
import { type MailServer, startMailServer } from '../servers/smtp.ts';

const folder = mkdtempSync(join(tmpdir(), 'pipewright-email-'));
const ca = join(folder, 'ca.pem');
writeFileSync(ca, testCertificate);
let store: S3Server;
let mail: MailServer;

beforeAll(async () => {
  store = await startS3Server();
  mail = await startMailServer({ security: 'tls', password: 'mail-password-4711' });
  const credential = { access_key_id: secret(testKey.id), secret_access_key: secret(testKey.secret) };
  const lake = s3.open({ bucket: 'bucket', endpoint: store.url }, connectorContext('lake', { credential }));
  for (const name of ['2026-01-31/north.csv', '2026-01-31/south.csv', '2026-01-30/north.csv']) {
    await put(lake, `reports/${name}`, `report ${name}\n`);
  }
  await lake.close();
});
afterAll(async () => {
  await store.close();
  await mail.close();
  rmSync(folder, { recursive: true });
});

const run = (env: Record<string, string> = {}, args: string[] = []) =>
  pipeCommand(['run', 'examples/s3-files-by-email/pipe.yaml', ...args], {
    cwd: join(import.meta.dirname, '../..'),
    env: {
      S3_ENDPOINT: store.url,
      REPORTS_BUCKET: 'bucket',
      AWS_ACCESS_KEY_ID: testKey.id,
      AWS_SECRET_ACCESS_KEY: testKey.secret,
      SMTP_HOST: '127.0.0.1',
      SMTP_PORT: String(mail.port),
      SMTP_CA: ca,
      SMTP_PASSWORD: 'mail-password-4711',
      ...env,
    },
  });

const attached = (raw: string) =>
  [...raw.matchAll(/filename=(\S+)[\s\S]*?\r\n\r\n([A-Za-z0-9+/=\r\n]+)\r\n--/g)].map(([, name, body]) => [
    name,
    Buffer.from(body!, 'base64').toString(),
  ]);

test('the files of the day, once', async () => {
  const { code, stderr } = await run({}, ['-p', 'to=ada@example.com']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('2 files') });
  const [message, ...others] = mail.messages.splice(0);
  expect(others).toEqual([]);
  expect(message).toMatchObject({ to: ['ada@example.com'], secure: true, user: 'reports' });
  expect(message!.raw).toContain('Subject: Reports of 2026-01-31');
  expect(attached(message!.raw)).toEqual([
    ['north.csv', 'report 2026-01-31/north.csv\n'],
    ['south.csv', 'report 2026-01-31/south.csv\n'],
  ]);
});

test('a day without files, and a wrong password: no message', async () => {
  const none = await run({}, ['-p', 'day=2026-02-01']);
  expect({ code: none.code, stderr: none.stderr }).toEqual({ code: 1, stderr: expect.stringContaining('NOT_FOUND') });
  const wrong = await run({ SMTP_PASSWORD: 'wrong-password-4712' });
  expect({ code: wrong.code, stderr: wrong.stderr }).toEqual({
    code: 3,
    stderr: expect.stringContaining('CREDENTIAL_REFUSED'),
  });
  expect(wrong.stdout + wrong.stderr).not.toContain('wrong-password-4712');
  expect(mail.messages).toEqual([]);
});

test('a file that an earlier task has written, and files that come in', async () => {
  const own = ownEngine();
  const mailbox = {
    connector: 'smtp',
    host: '127.0.0.1',
    port: mail.port,
    security: 'tls',
    ca,
    user: 'reports',
    password: 'mail-password-4711',
    from: 'r@example.com',
  };
  own.put('in.csv', 'id,name\n1,Ada\n');
  const pipe = {
    name: 'mails',
    connections: { mailbox },
    tasks: [
      { op: 'read', path: `file://${own.folder}/in.csv` },
      { op: 'write', path: `file://${own.folder}/out.ndjson` },
      {
        op: 'email',
        connection: 'mailbox',
        to: 'a@example.com',
        subject: 'written',
        attachments: [`file://${own.folder}/out.ndjson`],
      },
      { op: 'read', path: `file://${own.folder}/in.csv` },
      { op: 'archive', name: 'all.tar' },
      { op: 'unarchive' },
      {
        op: 'email',
        connection: 'mailbox',
        to: 'b@example.com',
        from: 'x@example.com',
        subject: 'came in',
        attach_input: true,
      },
    ],
  };
  const { diagnostics } = await own.engine.check(pipe as never);
  expect(diagnostics.map(({ code }) => code)).toEqual(['SECRET_LITERAL']);
  expect(await own.engine.run(pipe as never).result).toMatchObject({ status: 'done' });
  const messages = mail.messages.splice(0);
  expect(messages.map(({ from, to, raw }) => [from, to, attached(raw)])).toEqual([
    ['r@example.com', ['a@example.com'], [['out.ndjson', '{"id":"1","name":"Ada"}\n']]],
    ['x@example.com', ['b@example.com'], [['in.csv', 'id,name\n1,Ada\n']]],
  ]);
  await own.close();
});
