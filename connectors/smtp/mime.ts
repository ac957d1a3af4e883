// A message as bytes (RFC 5322, RFC 2045 to 2047), its attachments streamed.

import { randomBytes } from 'node:crypto';
import MimeNode from 'nodemailer/lib/mime-node';
import type { Message } from '../../engine/contracts/connector.ts';
import type { FileItem } from '../../engine/contracts/data.ts';

export interface Composed {
  envelope: { from: string; to: string[] };
  messageId: string;
  /** Once; the attachments are pulled as it is. */
  bytes(): AsyncGenerator<Buffer>;
}

/** 57 bytes are a line of 76 characters in base64; a piece is whole lines. */
const pieceBytes = 57 * 1024;

export function compose(message: Message, from: string): Composed {
  const boundary = `pipewright-${randomBytes(12).toString('hex')}`;
  const root = new MimeNode(`multipart/mixed; boundary="${boundary}"`);
  root.setHeader({
    from,
    to: message.to,
    ...(message.cc === undefined ? {} : { cc: message.cc }),
    ...(message.bcc === undefined ? {} : { bcc: message.bcc }),
    ...(message.replyTo === undefined ? {} : { 'reply-to': message.replyTo }),
    subject: message.subject,
  } as never);
  const { from: sender, to } = root.getEnvelope();
  return {
    envelope: { from: sender || '', to },
    messageId: root.messageId(),
    async *bytes() {
      yield Buffer.from(`${root.buildHeaders()}\r\n\r\n`);
      yield Buffer.from(`--${boundary}\r\n`);
      yield await body(message).build();
      for await (const file of message.attachments ?? []) {
        yield Buffer.from(`\r\n--${boundary}\r\n${partHeaders(file)}\r\n\r\n`);
        yield* base64Lines(file.open());
      }
      yield Buffer.from(`\r\n--${boundary}--\r\n`);
    },
  };
}

function body({ text, html }: Message): MimeNode {
  if (html === undefined) return textNode('text/plain', text ?? '');
  if (text === undefined) return textNode('text/html', html);
  const both = new MimeNode('multipart/alternative', { rootNode: inner() });
  both.appendChild(textNode('text/plain', text));
  both.appendChild(textNode('text/html', html));
  return both;
}

function textNode(contentType: string, content: string): MimeNode {
  return new MimeNode(`${contentType}; charset=utf-8`, { rootNode: inner() }).setContent(content);
}

/** Only the root has a date, an id and a version. */
function inner(): MimeNode {
  return new MimeNode('multipart/mixed');
}

function partHeaders({ name, contentType }: FileItem): string {
  const plain = contentType.replace(/[\r\n]/g, ' ');
  // Text keeps its bytes as they are too: line ends would be changed on the way otherwise.
  const node = new MimeNode(plain, { filename: name, rootNode: inner() });
  node.setHeader({ 'Content-Disposition': 'attachment', 'Content-Transfer-Encoding': 'base64' });
  return node.buildHeaders();
}

async function* base64Lines(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let held: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of source) {
    held.push(chunk);
    size += chunk.length;
    if (size < pieceBytes) continue;
    const all = Buffer.concat(held, size);
    const whole = size - (size % 57);
    yield lines(all.subarray(0, whole));
    held = [all.subarray(whole)];
    size -= whole;
  }
  if (size > 0) yield lines(Buffer.concat(held, size));
}

function lines(bytes: Buffer): Buffer {
  return Buffer.from(`${bytes.toString('base64').replace(/.{76}(?=.)/g, '$&\r\n')}\r\n`, 'latin1');
}
