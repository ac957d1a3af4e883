// The smtp connector: messages as they arrive, and all that can be refused, against a server in process.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { connector } from '../../connectors/smtp/index.ts';
import type { Message } from '../../engine/contracts/connector.ts';
import type { Credential } from '../../engine/contracts/credentials.ts';
import { failure } from '../../engine/errors.ts';
import { secret } from '../../engine/secret.ts';
import { connectorContext, fileOf, never, pattern } from '../conformance/files.ts';
import { failureOf } from '../conformance/streams.ts';
import { testCertificate } from '../servers/certificate.ts';
import { type MailServerOptions, startMailServer } from '../servers/smtp.ts';

const folder = mkdtempSync(join(tmpdir(), 'pipewright-smtp-'));
const ca = join(folder, 'ca.pem');
writeFileSync(ca, testCertificate);

interface Given extends MailServerOptions {
  config?: Record<string, unknown>;
  given?: string;
}

async function connected({ config = {}, given, ...options }: Given = {}) {
  const server = await startMailServer(options);
  const retries: string[] = [];
  const whole = {
    host: '127.0.0.1',
    port: server.port,
    ca,
    security: options.security ?? ('starttls' as const),
    from: 'Reports <reports@example.com>',
    ...config,
  };
  const credential: Credential = given === undefined ? {} : { password: secret(given) };
  const connection = connector.open(
    whole,
    connectorContext('mail', { credential, onRetry: (code) => retries.push(code) }),
  );
  onTestFinished(async () => {
    await connection.close();
    await server.close();
  });
  const send = (message: Partial<Message> = {}, signal = never) =>
    connection.send({ to: ['ada@example.com'], subject: 'Hello', text: 'The report.', ...message }, { signal });
  return { server, connection, retries, send };
}

async function* files(...all: ReturnType<typeof fileOf>[]) {
  yield* all;
}

interface Part {
  headers: string;
  body: string;
}

/** The parts of a multipart message, headers unfolded. */
function partsOf(raw: string): Part[] {
  const boundary = /boundary="?([^"\r\n;]+)"?/.exec(raw)![1]!;
  return raw
    .split(`--${boundary}`)
    .slice(1, -1)
    .map((part) => {
      const [headers = '', ...rest] = part.replace(/^\r\n/, '').split('\r\n\r\n');
      return { headers: headers.replace(/\r\n\s+/g, ' '), body: rest.join('\r\n\r\n').replace(/\r\n$/, '') };
    });
}

test.each(['none', 'starttls', 'tls'] as const)('security: %s', async (security) => {
  const { server, connection, send } = await connected({
    security,
    password: 'open sesame',
    given: 'open sesame',
    config: { user: 'reports' },
  });
  expect(await connection.verify({ signal: never })).toEqual({ ok: true });
  expect(server.messages).toEqual([]);
  const { id } = await send();
  expect(id).toMatch(/^<.+@.+>$/);
  expect(server.messages).toMatchObject([
    { from: 'reports@example.com', to: ['ada@example.com'], secure: security !== 'none', user: 'reports' },
  ]);
  expect(server.messages[0]!.raw).toContain(`Message-ID: ${id}`);
});

describe('a message', () => {
  test('goes to everybody, and nobody sees the bcc', async () => {
    const { server, send } = await connected();
    await send({
      to: ['Ada <ada@example.com>', 'b@example.com'],
      cc: ['c@example.com'],
      bcc: ['secret@example.com'],
      replyTo: ['answers@example.com'],
      from: 'Grüße <g@example.com>',
    });
    const [message] = server.messages;
    expect(message!.to).toEqual(['ada@example.com', 'b@example.com', 'c@example.com', 'secret@example.com']);
    expect(message!.from).toBe('g@example.com');
    expect(message!.raw).toContain('Reply-To: answers@example.com');
    expect(message!.raw).not.toContain('secret@');
  });

  test('text and HTML in any alphabet', async () => {
    const { server, send } = await connected();
    await send({ subject: 'Übersicht 日本', text: 'Grüße\n.\n..dots', html: '<p>Grüße</p>' });
    const { raw } = server.messages[0]!;
    expect(raw).toMatch(/Subject: =\?UTF-8\?/);
    const [both] = partsOf(raw);
    expect(both!.headers).toContain('multipart/alternative');
    const [plain, html] = partsOf(`${both!.headers}\r\n\r\n${both!.body}`);
    const decoded = (part: Part) =>
      Buffer.from(
        part.body
          .replace(/=\r\n/g, '')
          .replace(/=([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16))),
        'latin1',
      ).toString();
    expect(plain!.headers).toContain('text/plain; charset=utf-8');
    expect(decoded(plain!)).toContain('Grüße\r\n.\r\n..dots');
    expect(decoded(html!)).toContain('<p>Grüße</p>');
  });

  test('a line break in the subject makes no header', async () => {
    const { server, send } = await connected();
    await send({ subject: 'one\r\nBcc: evil@example.com' });
    expect(server.messages[0]!.raw).not.toMatch(/^Bcc:/m);
    expect(server.messages[0]!.to).toEqual(['ada@example.com']);
  });

  test.each([0, 1, 56, 57, 58, 58_367, 58_368, 300_001])('an attachment of %i bytes', async (bytes) => {
    const { server, send } = await connected();
    const content = pattern(bytes);
    await send({ attachments: files(fileOf('a.bin', content)) });
    const [, part] = partsOf(server.messages[0]!.raw);
    expect(part!.headers).toContain('Content-Disposition: attachment; filename=a.bin');
    expect(Buffer.from(part!.body, 'base64').equals(content)).toBe(true);
    expect(Math.max(...part!.body.split('\r\n').map((line) => line.length))).toBeLessThanOrEqual(76);
  });

  test('several attachments with odd names, in order', async () => {
    const { server, send } = await connected();
    const names = ['orders.csv', 'Übersicht 日本.csv', 'quo"te;.csv', 'a'.repeat(200)];
    await send({ attachments: files(...names.map((name) => fileOf(name, `in ${name}`))) });
    const parts = partsOf(server.messages[0]!.raw).slice(1);
    expect(parts.map(({ body }) => Buffer.from(body, 'base64').toString())).toEqual(names.map((name) => `in ${name}`));
    expect(parts[0]!.headers).toContain('Content-Type: text/csv; name=orders.csv');
    expect(parts[1]!.headers).toMatch(/filename\*0\*=utf-8''%C3%9C/);
    expect(parts.every(({ headers }) => !/[^\x20-\x7e\r\n\t]/.test(headers))).toBe(true);
  });

  test('is held back until the attachments have ended', async () => {
    const { server, send } = await connected();
    const reason = failure('PIPE_FAILED', { message: 'of the test' });
    async function* held() {
      yield fileOf('a.bin', pattern(2_000_000));
      expect(server.messages).toEqual([]);
      throw reason;
    }
    await expect(send({ attachments: held() })).rejects.toBe(reason);
    expect(server.messages).toEqual([]);
  });

  test('is not sent when an attachment breaks', async () => {
    const { server, send, retries } = await connected();
    const reason = failure('CONNECTION_LOST', { host: 'x', reason: 'of the test' });
    async function* broken() {
      yield pattern(100_000);
      throw reason;
    }
    const error = await failureOf(send({ attachments: files(fileOf('a', broken())) }));
    expect(error).toMatchObject({ code: 'CONNECTION_LOST', retry: false });
    expect([server.messages, retries]).toEqual([[], []]);
  });

  test('is not sent after an abort', async () => {
    const { server, send } = await connected();
    const controller = new AbortController();
    const reason = failure('INTERRUPTED');
    async function* endless() {
      for (let i = 0; ; i++) {
        if (i === 3) controller.abort(reason);
        yield pattern(100_000);
      }
    }
    await expect(send({ attachments: files(fileOf('a', endless())) }, controller.signal)).rejects.toBe(reason);
    await expect(send({}, AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(server.messages).toEqual([]);
  });

  test('needs a sender', async () => {
    const { send } = await connected({ config: { from: undefined } });
    expect(await failureOf(send())).toMatchObject({
      code: 'OPTION_UNSUPPORTED',
      message: expect.stringContaining('`from`'),
    });
  });
});

describe('what is refused', () => {
  test('one recipient of two: nobody gets it', async () => {
    const { server, send, retries } = await connected({ recipients: { 'gone@example.com': '550 5.1.1 no such user' } });
    const error = await failureOf(
      send({ to: ['ada@example.com', 'gone@example.com'], attachments: files(fileOf('a', 'a')) }),
    );
    expect(error).toMatchObject({ code: 'MAIL_REFUSED', retry: false });
    expect(error.message).toMatch(/refuses gone@example.com: 550 5.1.1 no such user; nothing was sent/);
    expect([server.messages, retries]).toEqual([[], []]);
  });

  test('the only recipient', async () => {
    const { send } = await connected({ recipients: { 'ada@example.com': '550 no such user' } });
    expect(await failureOf(send())).toMatchObject({
      code: 'MAIL_REFUSED',
      message: expect.stringContaining('ada@example.com'),
    });
  });

  test('a recipient for now: tried again, with the attachments', async () => {
    const answers = { 'ada@example.com': '451 try later' } as Record<string, string>;
    const { server, send, retries } = await connected({
      get recipients() {
        return answers;
      },
    });
    const attachments = files(fileOf('a', 'kept'));
    const sending = failureOf(send({ attachments }));
    expect(await sending).toMatchObject({ code: 'MAIL_REFUSED', retry: true });
    expect(retries).toHaveLength(4);
    delete answers['ada@example.com'];
    await send({ attachments });
    expect(partsOf(server.messages[0]!.raw)).toHaveLength(2);
  });

  test('an address that is none', async () => {
    const { send, server } = await connected();
    expect((await failureOf(send({ to: ['not an address'] }))).code).toBe('MAIL_REFUSED');
    expect(server.messages).toEqual([]);
  });

  test('the password', async () => {
    const { connection, retries } = await connected({
      password: 'right',
      given: 'wrong one',
      config: { user: 'reports' },
    });
    const result = await connection.verify({ signal: never });
    expect(result).toMatchObject({
      ok: false,
      code: 'CREDENTIAL_REFUSED',
      reason: expect.stringContaining('bad user name'),
    });
    expect(JSON.stringify(result)).not.toContain('wrong one');
    expect(retries).toEqual([]);
  });

  test('a user without a password', async () => {
    const { connection } = await connected({ password: 'right', config: { user: 'reports' } });
    expect(await connection.verify({ signal: never })).toMatchObject({ code: 'CREDENTIAL_MISSING' });
  });

  test('a certificate that nobody knows', async () => {
    for (const security of ['starttls', 'tls'] as const) {
      const { connection } = await connected({ security, config: { ca: undefined } });
      const result = await connection.verify({ signal: never });
      expect(result).toMatchObject({ code: 'TLS_FAILED', reason: expect.stringContaining('`ca`') });
    }
  });

  test('a server without TLS', async () => {
    const { connection } = await connected({ security: 'none', config: { security: 'starttls' } });
    expect(await connection.verify({ signal: never })).toMatchObject({
      code: 'TLS_FAILED',
      reason: expect.stringContaining('security: tls'),
    });
    const direct = await connected({ security: 'starttls', config: { security: 'tls' } });
    expect(await direct.connection.verify({ signal: never })).toMatchObject({
      code: 'TLS_FAILED',
      reason: expect.stringContaining('security: starttls'),
    });
  });

  test('a message that is too large', async () => {
    const told = await connected({ size: 100_000 });
    const error = await failureOf(told.send({ attachments: files(fileOf('a', pattern(200_000))) }));
    expect(error).toMatchObject({ code: 'MAIL_TOO_LARGE', message: expect.stringContaining('100000 bytes') });
    const hidden = await connected({ hiddenSize: 100_000 });
    const later = await failureOf(hidden.send({ attachments: files(fileOf('a', pattern(200_000))) }));
    expect(later.code).toBe('MAIL_TOO_LARGE');
    expect([told.server.messages, hidden.server.messages]).toEqual([[], []]);
  });

  test('a message at its end is not sent again', async () => {
    const { server, send, retries } = await connected({ messages: ['451 busy'] });
    expect(await failureOf(send())).toMatchObject({ code: 'MAIL_REFUSED', retry: false });
    expect([server.messages, retries]).toEqual([[], []]);
  });

  test('no answer at the end: nobody knows', async () => {
    const { send, retries } = await connected({ cutAtEnd: true });
    expect(await failureOf(send())).toMatchObject({ code: 'MAIL_UNCERTAIN', retry: false });
    expect(retries).toEqual([]);
  });
});

describe('a server that is not there', () => {
  test('nothing answers', async () => {
    const { connection, server, retries } = await connected();
    const verify = connection.verify({ signal: never });
    expect(await verify).toEqual({ ok: true });
    await server.close();
    expect(await connection.verify({ signal: never })).toMatchObject({ ok: false, code: 'CONNECTION_REFUSED' });
    expect(retries).toHaveLength(4);
  });

  test('one that says nothing', async () => {
    const sockets: import('node:net').Socket[] = [];
    const silent = createServer((socket) => void sockets.push(socket.on('error', () => {})));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      silent.close();
    });
    const config = { host: '127.0.0.1', port: (silent.address() as AddressInfo).port, connect_timeout: '50ms' };
    const result = await connector.open(config, connectorContext('mail')).verify({ signal: never });
    expect(result).toMatchObject({ ok: false, code: 'TIMED_OUT' });
  });
});

afterAll(() => rmSync(folder, { recursive: true }));
