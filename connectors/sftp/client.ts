// SFTP over a channel of an SSH session: requests by number, as many on their way at a time as wanted.
import type { ClientChannel } from 'ssh2';
import type { Attributes } from './attributes.ts';
import { createDecoder, type Sink } from './decoder.ts';
import { status } from './errors.ts';
import { answer, type Field, fieldsOf, type OpenFlags, openFlags, packet, request, type Settable } from './packets.ts';

/** An error has the server's status code as its `code`; it has none where the session ended before the answer. */
export type Done<T = void> = (error: Error | undefined, value: T) => void;

export interface Named {
  filename: string;
  attrs: Attributes;
}

export interface Sftp {
  /** What the server says that it has besides the protocol, with its version. */
  readonly extensions: ReadonlyMap<string, string>;
  /** The most bytes that one request may ask for or bring. */
  readonly mostBytes: { read: number; write: number };
  open(path: string, flags: OpenFlags, attributes: Settable, done: Done<Buffer>): void;
  close(handle: Buffer, done: Done): void;
  /** Gives how many bytes came, none at the end of the file. */
  read(handle: Buffer, into: Sink, position: number, done: Done<number>): void;
  /** The pieces are not to be changed before it is done. */
  write(handle: Buffer, pieces: readonly Uint8Array[], position: number, done: Done): void;
  stat(path: string, done: Done<Attributes>): void;
  lstat(path: string, done: Done<Attributes>): void;
  fstat(handle: Buffer, done: Done<Attributes>): void;
  fsetstat(handle: Buffer, attributes: Settable, done: Done): void;
  opendir(path: string, done: Done<Buffer>): void;
  /** Some names at a time, none at the end. */
  readdir(handle: Buffer, done: Done<Named[]>): void;
  unlink(path: string, done: Done): void;
  mkdir(path: string, done: Done): void;
  rmdir(path: string, done: Done): void;
  realpath(path: string, done: Done<string>): void;
  rename(from: string, to: string, done: Done): void;
  /** `posix-rename@openssh.com`: takes the place of what is there. */
  posixRename(from: string, to: string, done: Done): void;
  /** `fsync@openssh.com` */
  fsync(handle: Buffer, done: Done): void;
  /** `copy-data`: on the server alone. */
  copyData(from: Buffer, length: number, to: Buffer, done: Done): void;
}

const nothing = Buffer.alloc(0);

/** What every server takes (section 3), and the most that is any faster. */
const leastRequest = 32 * 1024;
const mostRequest = 255 * 1024;

interface Waiting {
  sink?: Sink;
  /** The type of the answer, besides status, that it waits for. */
  type: number;
  /** With the body of the answer, or with how many bytes the sink has got. */
  done(error: Error | undefined, body: Buffer, count: number): void;
}

/** Greets the server. Rejects where it speaks something else, or hangs up. */
export function startSftp(channel: ClientChannel): Promise<Sftp> {
  const waiting = new Map<number, Waiting>();
  let lastId = 0;
  let ended: Error | undefined;
  const extensions = new Map<string, string>();
  const mostBytes = { read: leastRequest, write: leastRequest };
  let greeted: (error?: Error) => void = () => {};

  const end = (error: Error): void => {
    if (ended !== undefined) return;
    ended = error;
    const unanswered = [...waiting.values()];
    waiting.clear();
    for (const { done } of unanswered) done(error, nothing, 0);
    greeted(error);
  };
  const decode = createDecoder({
    sink: (id) => waiting.get(id)?.sink,
    data(id, count) {
      const { done } = waiting.get(id)!;
      waiting.delete(id);
      done(undefined, nothing, count);
    },
    other(type, id, body) {
      if (type === answer.version) {
        const fields = fieldsOf(body);
        while (fields.left > 0) extensions.set(fields.text(), fields.text());
        greeted();
        return;
      }
      const found = waiting.get(id);
      if (found === undefined) throw new Error(`an answer to the request ${id}, which nobody made`);
      const fields = fieldsOf(body);
      const code = type === answer.status ? fields.u32() : status.ok;
      const isRefusal = type === answer.status && code !== status.ok;
      if (type !== found.type && !isRefusal) throw new Error(`an answer of type ${type} where ${found.type} was due`);
      // Old servers say no more than the code.
      const said = isRefusal && fields.left > 0 ? fields.text() : '';
      waiting.delete(id);
      if (isRefusal) found.done(Object.assign(new Error(said || `status ${code}`), { code }), body, 0);
      else found.done(undefined, body, 0);
    },
  });
  const ask = (type: number, fields: readonly Field[], wait: Waiting, pieces: readonly Uint8Array[] = []): void => {
    if (ended !== undefined) {
      wait.done(ended, nothing, 0);
      return;
    }
    do lastId = (lastId + 1) >>> 0;
    while (waiting.has(lastId));
    waiting.set(lastId, wait);
    const more = pieces.reduce((sum, piece) => sum + piece.length, 0);
    channel.write(packet(type, lastId, fields, more));
    for (const piece of pieces) channel.write(piece);
  };
  const plain = (type: number, fields: readonly Field[], done: Done): void =>
    ask(type, fields, { type: answer.status, done: (error) => done(error) });
  const telling =
    <T>(expected: number, take: (fields: ReturnType<typeof fieldsOf>) => T) =>
    (type: number, fields: readonly Field[], done: Done<T>): void =>
      ask(type, fields, {
        type: expected,
        done(error, body) {
          let value: T;
          try {
            if (error !== undefined) throw error;
            value = take(fieldsOf(body));
          } catch (why) {
            return done(why as Error, undefined as T);
          }
          done(undefined, value);
        },
      });
  const handleOf = telling(answer.handle, (fields) => fields.bytes());
  const attributesOf = telling(answer.attributes, (fields) => fields.attributes());
  const nameOf = telling(answer.name, (fields) => {
    fields.u32();
    return fields.text();
  });
  const namesOf = telling(answer.name, (fields) => {
    const names: Named[] = [];
    for (let count = fields.u32(); count > 0; count--) {
      const filename = fields.text();
      // How `ls -l` would show it.
      fields.bytes();
      names.push({ filename, attrs: fields.attributes() });
    }
    return names;
  });

  channel.on('data', (chunk: Buffer) => {
    try {
      decode(chunk);
    } catch (error) {
      end(new Error(`it speaks no SFTP that we know: ${(error as Error).message}`));
      channel.destroy();
    }
  });
  // What the program on the other side complains of; unread, it would stop the rest.
  channel.stderr.resume();
  channel.once('close', () => end(new Error('the server ended the session before it answered')));

  const sftp: Sftp = {
    extensions,
    mostBytes,
    open: (path, flags, attributes, done) => handleOf(request.open, [path, openFlags[flags], { attributes }], done),
    close: (handle, done) => plain(request.close, [handle], done),
    read: (handle, sink, position, done) =>
      ask(request.read, [handle, { u64: position }, sink.length], {
        type: answer.data,
        sink,
        done: (error, _, count) => {
          if (error === undefined) done(undefined, count);
          else if ((error as { code?: number }).code === status.endOfFile) done(undefined, 0);
          else done(error, 0);
        },
      }),
    write(handle, pieces, position, done) {
      const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
      const wait = { type: answer.status, done: (error: Error | undefined) => done(error) };
      ask(request.write, [handle, { u64: position }, length], wait, pieces);
    },
    stat: (path, done) => attributesOf(request.stat, [path], done),
    lstat: (path, done) => attributesOf(request.lstat, [path], done),
    fstat: (handle, done) => attributesOf(request.fstat, [handle], done),
    fsetstat: (handle, attributes, done) => plain(request.fsetstat, [handle, { attributes }], done),
    opendir: (path, done) => handleOf(request.opendir, [path], done),
    readdir: (handle, done) =>
      namesOf(request.readdir, [handle], (error, names) => {
        if ((error as { code?: number } | undefined)?.code === status.endOfFile) done(undefined, []);
        else done(error, names);
      }),
    unlink: (path, done) => plain(request.remove, [path], done),
    mkdir: (path, done) => plain(request.mkdir, [path, { attributes: {} }], done),
    rmdir: (path, done) => plain(request.rmdir, [path], done),
    realpath: (path, done) => nameOf(request.realpath, [path], done),
    rename: (from, to, done) => plain(request.rename, [from, to], done),
    posixRename: (from, to, done) => plain(request.extended, ['posix-rename@openssh.com', from, to], done),
    fsync: (handle, done) => plain(request.extended, ['fsync@openssh.com', handle], done),
    copyData: (from, length, to, done) =>
      plain(request.extended, ['copy-data', from, { u64: 0 }, { u64: length }, to, { u64: 0 }], done),
  };

  return new Promise((resolve, reject) => {
    greeted = (error) => {
      greeted = () => {};
      if (error !== undefined) return reject(error);
      if (!extensions.has('limits@openssh.com')) return resolve(sftp);
      // PROTOCOL of OpenSSH, 4.8: the longest packet, read and write, and how many files may be open.
      const limits = telling(answer.extended, (fields) => [fields.u64(), fields.u64(), fields.u64()]);
      limits(request.extended, ['limits@openssh.com'], (refused, told) => {
        if (ended !== undefined) return reject(ended);
        if (refused === undefined) {
          mostBytes.read = within(told[1]!);
          mostBytes.write = within(told[2]!);
        }
        resolve(sftp);
      });
    };
    channel.write(packet(request.init, undefined, [3]));
  });
}

function within(told: number): number {
  return Math.max(leastRequest, Math.min(mostRequest, told || mostRequest));
}
