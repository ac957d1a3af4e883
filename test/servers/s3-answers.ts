// What the S3 server answers with and takes: XML, errors, headers that stay with an object.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Refusal } from './s3-signature.ts';
import type { Blob, StoredObject } from './s3-store.ts';

const kept = /^(content-type|content-encoding|x-amz-meta-.*|x-amz-server-side-encryption.*|x-amz-storage-class)$/;

export class Refused extends Error {
  readonly refusal: Refusal;
  constructor(status: number, code: string, message = code, more: Record<string, string> = {}) {
    super(message);
    this.refusal = { status, code, message, more };
  }
}

export function refuse(response: ServerResponse, { status, code, message, more = {} }: Refusal, headers = {}): void {
  const fields = Object.entries({ Code: code, Message: message, ...more }).map(([name, text]) => xml(name, text));
  const region = more.Region === undefined ? {} : { 'x-amz-bucket-region': more.Region };
  const body = response.req.method === 'HEAD' ? '' : `<Error>${fields.join('')}</Error>`;
  response.writeHead(status, { 'content-type': 'application/xml', ...region, ...headers }).end(body);
}

export function xml(name: string, text: string): string {
  const escaped = text.replace(/[&<>"\r\n]/g, (character) => `&#${character.charCodeAt(0)};`);
  return `<${name}>${escaped}</${name}>`;
}

export function checkAbsent(headers: IncomingMessage['headers'], object: StoredObject | undefined): void {
  if (headers['if-none-match'] === '*' && object !== undefined) throw new Refused(412, 'PreconditionFailed');
}

export function objectOf(key: string, blobs: Blob[], etag: string, headers: Record<string, string>): StoredObject {
  const size = blobs.reduce((sum, blob) => sum + blob.size, 0);
  return { key, blobs, size, etag, modified: new Date(), headers };
}

export function keptOf(headers: IncomingMessage['headers']): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => kept.test(name))) as Record<string, string>;
}

export function unescaped(text: string): string {
  const named: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
  return text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (_, hex, digits, name) =>
    name !== undefined ? named[name]! : String.fromCodePoint(hex ? Number.parseInt(hex, 16) : Number(digits)),
  );
}

export async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
