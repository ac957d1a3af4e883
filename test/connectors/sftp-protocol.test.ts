// The SFTP protocol by itself: packets cut anywhere, answers in any order, and servers that speak something else.
import { EventEmitter } from 'node:events';
import fc from 'fast-check';
import type { ClientChannel } from 'ssh2';
import { describe, expect, it } from 'vitest';
import { startSftp } from '../../connectors/sftp/client.ts';
import { createDecoder, type Sink } from '../../connectors/sftp/decoder.ts';
import { answer, fieldsOf, packet, request } from '../../connectors/sftp/packets.ts';

/** A channel whose other side is the test. */
function channelTo(onRequest: (type: number, id: number, body: Buffer, reply: (bytes: Buffer) => void) => void) {
  const channel = Object.assign(new EventEmitter(), {
    stderr: { resume() {} },
    destroyed: false,
    destroy() {
      channel.destroyed = true;
      queueMicrotask(() => channel.emit('close'));
    },
    write(bytes: Buffer) {
      const whole = Buffer.concat([waiting, bytes]);
      const length = whole.length < 4 ? Number.POSITIVE_INFINITY : whole.readUInt32BE(0) + 4;
      if (whole.length < length) {
        waiting = whole;
        return;
      }
      waiting = whole.subarray(length);
      const reply = (answered: Buffer) => queueMicrotask(() => channel.emit('data', answered));
      onRequest(whole[4]!, whole.readUInt32BE(5), whole.subarray(9, length), reply);
    },
  });
  let waiting: Buffer = Buffer.alloc(0);
  return channel as typeof channel & ClientChannel;
}

const version = (...extensions: string[]) => packet(answer.version, 3, extensions.length === 0 ? [] : extensions);

describe('answers', () => {
  it('are the same however they are cut', () => {
    const oneOf = fc.oneof(
      fc.record({ data: fc.uint8Array({ maxLength: 200 }) }),
      fc.record({ name: fc.string({ maxLength: 50 }) }),
    );
    fc.assert(
      fc.property(
        fc.array(oneOf, { maxLength: 20 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 64 })),
        (all, cuts) => {
          const sinks = new Map<number, Sink>();
          const wanted = all.map((each, id) => {
            if ('name' in each) return { id, type: answer.handle, text: each.name };
            sinks.set(id, { buffer: Buffer.alloc(300, 7), offset: id, length: each.data.length });
            return { id, data: Buffer.from(each.data).toString('hex') };
          });
          const stream = Buffer.concat(
            all.map((each, id) =>
              'name' in each ? packet(answer.handle, id, [each.name]) : packet(answer.data, id, [each.data]),
            ),
          );
          const got: unknown[] = [];
          const decode = createDecoder({
            sink: (id) => sinks.get(id),
            data(id, count) {
              const { buffer, offset } = sinks.get(id)!;
              got.push({
                id,
                data: Buffer.from(buffer)
                  .subarray(offset, offset + count)
                  .toString('hex'),
              });
              // Nothing beside it was touched.
              expect(buffer.subarray(0, offset).every((byte) => byte === 7)).toBe(true);
              expect(buffer.subarray(offset + count).every((byte) => byte === 7)).toBe(true);
            },
            other: (type, id, body) => got.push({ id, type, text: fieldsOf(body).text() }),
          });
          for (let at = 0; at < stream.length; ) {
            const end = at + cuts.next().value;
            decode(stream.subarray(at, end));
            at = end;
          }
          expect(got).toEqual(wanted);
        },
      ),
    );
  });

  it.each([
    ['more bytes than were asked for', packet(answer.data, 1, [Buffer.alloc(11)])],
    ['bytes that nobody asked for', packet(answer.data, 2, [Buffer.alloc(1)])],
    ['a length that is none', Buffer.from([0xff, 0xff, 0xff, 0xff, answer.status, 0, 0, 0, 1])],
    ['no SFTP at all', Buffer.from('This account is currently not available.\n')],
  ])('are refused: %s', (_, bytes) => {
    const decode = createDecoder({
      sink: (id) => (id === 1 ? { buffer: Buffer.alloc(10), offset: 0, length: 10 } : undefined),
      data: () => expect.fail('it was taken'),
      other: () => expect.fail('it was taken'),
    });
    expect(() => decode(bytes)).toThrow(/bytes/);
  });
});

describe('a session', () => {
  it('learns what the server has, and how much it takes at once', async () => {
    const channel = channelTo((type, id, body, reply) => {
      if (type === request.init) reply(version('limits@openssh.com', '1', 'fsync@openssh.com', '1'));
      else if (fieldsOf(body).text() === 'limits@openssh.com')
        reply(packet(answer.extended, id, [{ u64: 262144 }, { u64: 100_000 }, { u64: 50_000 }, { u64: 10 }]));
    });
    const sftp = await startSftp(channel);
    expect([...sftp.extensions]).toEqual([
      ['limits@openssh.com', '1'],
      ['fsync@openssh.com', '1'],
    ]);
    expect(sftp.mostBytes).toEqual({ read: 100_000, write: 50_000 });
  });

  it('asks a server that does not say for 32 KiB', async () => {
    const sftp = await startSftp(channelTo((_type, _id, _body, reply) => reply(version())));
    expect(sftp.mostBytes).toEqual({ read: 32_768, write: 32_768 });
  });

  it('takes answers in any order', async () => {
    const late: (() => void)[] = [];
    const channel = channelTo((type, id, body, reply) => {
      if (type === request.init) return reply(version());
      const path = fieldsOf(body).text();
      late.unshift(() => reply(packet(answer.name, id, [1, `/real${path}`, '', { attributes: {} }])));
      if (late.length === 3) for (const each of late) each();
    });
    const sftp = await startSftp(channel);
    const real = (path: string) =>
      new Promise((resolve, reject) => sftp.realpath(path, (error, value) => (error ? reject(error) : resolve(value))));
    expect(await Promise.all([real('/a'), real('/b'), real('/c')])).toEqual(['/real/a', '/real/b', '/real/c']);
  });

  it('fails all that waits when the server hangs up, and what comes later', async () => {
    const channel = channelTo((type, _id, _body, reply) => {
      if (type === request.init) reply(version());
    });
    const sftp = await startSftp(channel);
    const failed = () =>
      new Promise<Error | undefined>((resolve) => sftp.read(Buffer.from('h'), sink(), 0, (error) => resolve(error)));
    const both = [failed(), failed()];
    channel.emit('close');
    for (const error of [...(await Promise.all(both)), await failed()]) {
      expect(error?.message).toMatch(/ended the session/);
      expect(error).not.toHaveProperty('code');
    }
  });

  it.each([
    ['of the wrong kind', answer.name],
    ['that says all is well and brings nothing', answer.status],
  ])('ends with an answer %s', async (_, kind) => {
    const channel = channelTo((type, id, _body, reply) => {
      reply(type === request.init ? version() : packet(kind, id, [0]));
    });
    const sftp = await startSftp(channel);
    const error = await new Promise<Error | undefined>((resolve) => sftp.stat('/a', (failed) => resolve(failed)));
    expect(error).toBeInstanceOf(Error);
    expect(channel.destroyed).toBe(true);
  });

  it('fails where the server speaks something else', async () => {
    const channel = channelTo((_type, _id, _body, reply) => reply(Buffer.from('Welcome to FTP server, please log in')));
    await expect(startSftp(channel)).rejects.toThrow(/no SFTP that we know/);
  });
});

function sink(): Sink {
  return { buffer: Buffer.alloc(10), offset: 0, length: 10 };
}
