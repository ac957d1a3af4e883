// A Dropbox on this machine. Each answer names the document of the vendor that it follows; HTTP is
// www.dropbox.com/developers/documentation/http/documentation, ERRORS developers.dropbox.com/error-handling-guide,
// ROOT www.dropbox.com/developers/reference/path-root-header-modes, OAUTH developers.dropbox.com/oauth-guide.
import { createHash } from 'node:crypto';
import { appendFileSync, createReadStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

interface Item {
  tag: 'file' | 'folder';
  display: string;
  rev: string;
  size: number;
  hash: string;
  modified: string;
  /** Where the bytes are. */
  stored: string;
}

interface Session {
  stored: string;
  size: number;
  closed: boolean;
}

export interface DropboxFault {
  /** Answers this instead, without doing anything. */
  refuse?: { status: number; body: string; headers?: Record<string, string> };
  /** Does it, and breaks the connection instead of answering. */
  lose?: boolean;
  /** Breaks the connection after so many bytes of a download. */
  cutAfter?: number;
  /** Says nothing for so long. */
  waitMs?: number;
  /** Says so many bytes more than a download has. */
  tooLong?: number;
  /** Changes a byte of what is uploaded. */
  corrupt?: boolean;
}

export interface DropboxServer {
  url: string;
  /** Paths of files and, with `sessions`, what was uploaded and never committed. */
  contents(): string[];
  openSessions(): number;
  /** What the file at this path holds. */
  bytesOf(path: string): Buffer | undefined;
  calls: { endpoint: string; headers: IncomingMessage['headers'] }[];
  /** Tokens that are good now. */
  tokens: Set<string>;
  /** What a refresh token gets. */
  refresh: { token: string; gives: string; asked: number };
  fault: (endpoint: string, call: number) => DropboxFault | undefined;
  close(): Promise<void>;
}

class Refused extends Error {
  readonly summary: string;
  readonly error: unknown;
  constructor(summary: string, error: unknown) {
    super(summary);
    this.summary = summary;
    this.error = error;
  }
}

/** `path`, `not_found` becomes the union and its summary (HTTP, "Errors": 409). */
function refused(...tags: string[]): Refused {
  const union = tags.reduceRight<unknown>(
    (inner, tag) => (inner === undefined ? { '.tag': tag } : { '.tag': tag, [tag]: inner }),
    undefined,
  );
  return new Refused(`${tags.join('/')}/..`, union);
}

export async function startDropbox({ rootNamespace = '7' } = {}): Promise<DropboxServer> {
  const folder = mkdtempSync(join(tmpdir(), 'pipewright-dropbox-'));
  const items = new Map<string, Item>();
  const revisions = new Map<string, Item>();
  const sessions = new Map<string, Session>();
  const cursors = new Map<string, { paths: string[]; at: number }>();
  const sockets = new Set<Socket>();
  let last = 0;
  const counts = new Map<string, number>();
  const fresh = (prefix: string) => `${prefix}${String(++last).padStart(12, '0')}`;
  const lower = (path: string) => path.toLowerCase();
  const parentOf = (path: string) => path.slice(0, path.lastIndexOf('/'));

  /** HTTP, files/get_metadata: FileMetadata and FolderMetadata. */
  const metadata = (item: Item) => ({
    '.tag': item.tag,
    name: item.display.slice(item.display.lastIndexOf('/') + 1),
    path_lower: lower(item.display),
    path_display: item.display,
    id: `id:${item.rev}`,
    ...(item.tag === 'folder'
      ? {}
      : {
          rev: item.rev,
          size: item.size,
          content_hash: item.hash,
          client_modified: item.modified,
          server_modified: item.modified,
          is_downloadable: true,
        }),
  });
  const checkPath = (path: unknown): string => {
    if (typeof path !== 'string' || (path !== '' && !path.startsWith('/'))) throw refused('path', 'malformed_path');
    return path;
  };
  const makeParents = (path: string, ...error: string[]) => {
    const parent = parentOf(path);
    if (parent === '') return;
    const found = items.get(lower(parent));
    if (found?.tag === 'file') throw refused(...error, 'conflict', 'file_ancestor');
    if (found !== undefined) return;
    makeParents(parent, ...error);
    items.set(lower(parent), {
      tag: 'folder',
      display: parent,
      rev: fresh('f'),
      size: 0,
      hash: '',
      modified: '',
      stored: '',
    });
  };

  /** HTTP, CommitInfo and WriteMode. */
  const commit = (
    session: Session,
    { path, mode, strict_conflict: strict }: Record<string, unknown>,
    ...error: string[]
  ) => {
    const at = checkPath(path);
    const tag = typeof mode === 'string' ? mode : (mode as { '.tag': string })['.tag'];
    const found = items.get(lower(at));
    if (found?.tag === 'folder') throw refused(...error, 'conflict', 'folder');
    const hash = contentHash(readFileSync(session.stored));
    if (found !== undefined && tag === 'add' && (strict === true || found.hash !== hash)) {
      throw refused(...error, 'conflict', 'file');
    }
    makeParents(at, ...error);
    const item: Item = {
      tag: 'file',
      display: at,
      rev: fresh('a1c'),
      size: session.size,
      hash,
      modified: `${new Date().toISOString().slice(0, 19)}Z`,
      stored: session.stored,
    };
    items.set(lower(at), item);
    revisions.set(item.rev, item);
    return item;
  };
  const sessionAt = ({ session_id: id, offset }: { session_id: string; offset: number }, ...error: string[]) => {
    const session = sessions.get(id);
    if (session === undefined) throw refused(...error, 'not_found');
    if (offset !== session.size) {
      // HTTP, UploadSessionOffsetError: it says where the session is.
      const inner = { '.tag': 'incorrect_offset', correct_offset: session.size };
      throw new Refused(
        [...error, 'incorrect_offset', '..'].join('/'),
        error.length === 0 ? inner : { '.tag': error[0], [error[0]!]: inner },
      );
    }
    return session;
  };
  const page = (cursor: string, limit: number) => {
    const state = cursors.get(cursor)!;
    const paths = state.paths.slice(state.at, state.at + limit);
    state.at += paths.length;
    return {
      entries: paths.flatMap((path) => (items.has(path) ? [metadata(items.get(path)!)] : [])),
      cursor,
      has_more: state.at < state.paths.length,
    };
  };

  type Handler = (argument: Record<string, unknown>, body: Buffer) => unknown;
  const handlers: Record<string, Handler> = {
    // HTTP, check/user: what was sent, where the token is good.
    'check/user': ({ query = '' }) => ({ result: query }),
    // HTTP, users/get_current_account: FullAccount with its RootInfo.
    'users/get_current_account': () => ({
      account_id: 'dbid:AAH4f99T0taONIb-OurWxbNQ6ywGRopQngc',
      root_info: { '.tag': 'team', root_namespace_id: rootNamespace, home_namespace_id: '1' },
    }),
    'files/get_metadata': ({ path }) => {
      const found = items.get(lower(checkPath(path)));
      if (found === undefined) throw refused('path', 'not_found');
      return metadata(found);
    },
    // HTTP, files/list_folder: pages of at most `limit`, and with `recursive` the folder itself too.
    'files/list_folder': ({ path, recursive, limit = 2000 }) => {
      const at = lower(checkPath(path));
      const found = items.get(at);
      if (at !== '' && found === undefined) throw refused('path', 'not_found');
      if (found?.tag === 'file') throw refused('path', 'not_folder');
      const below = [...items.keys()].filter((each) =>
        recursive === true ? each === at || each.startsWith(`${at}/`) : parentOf(each) === at,
      );
      const cursor = fresh('cursor');
      cursors.set(cursor, { paths: below, at: 0 });
      return page(cursor, Math.min(Number(limit), 500));
    },
    'files/list_folder/continue': ({ cursor }) => {
      if (!cursors.has(String(cursor))) throw refused('reset');
      return page(String(cursor), 500);
    },
    'files/create_folder_v2': ({ path }) => {
      const at = checkPath(path);
      const found = items.get(lower(at));
      if (found !== undefined) throw refused('path', 'conflict', found.tag);
      makeParents(at, 'path');
      const item: Item = { tag: 'folder', display: at, rev: fresh('f'), size: 0, hash: '', modified: '', stored: '' };
      items.set(lower(at), item);
      return { metadata: metadata(item) };
    },
    // HTTP, files/delete_v2: a folder goes with what is in it.
    'files/delete_v2': ({ path, parent_rev: rev }) => {
      const at = lower(checkPath(path));
      const found = items.get(at);
      if (found === undefined) throw refused('path_lookup', 'not_found');
      if (rev !== undefined && rev !== found.rev) throw refused('path_write', 'conflict', 'file');
      for (const each of [...items.keys()]) if (each === at || each.startsWith(`${at}/`)) items.delete(each);
      return { metadata: metadata(found) };
    },
    'files/upload_session/start': ({ close }, body) => {
      const id = fresh('session');
      const stored = join(folder, id);
      writeFileSync(stored, body);
      sessions.set(id, { stored, size: body.length, closed: close === true });
      return { session_id: id };
    },
    // HTTP, files/upload_session/append_v2: the offset keeps bytes from being lost or doubled.
    'files/upload_session/append_v2': ({ cursor, close }, body) => {
      const session = sessionAt(cursor as never);
      if (session.closed) throw refused('closed');
      appendFileSync(session.stored, body);
      session.size += body.length;
      session.closed = close === true;
      return null;
    },
    'files/upload_session/finish': ({ cursor, commit: info }) => {
      const session = sessionAt(cursor as never, 'lookup_failed');
      const item = commit(session, info as never, 'path');
      sessions.delete((cursor as { session_id: string }).session_id);
      return metadata(item);
    },
    // HTTP, files/upload_session/finish_batch_v2: an entry for each, in order, and only closed sessions.
    'files/upload_session/finish_batch_v2': ({ entries }) => ({
      entries: (entries as { cursor: never; commit: never }[]).map(({ cursor, commit: info }) => {
        try {
          const session = sessionAt(cursor, 'lookup_failed');
          if (!session.closed) throw refused('lookup_failed', 'not_closed');
          const item = commit(session, info, 'path');
          sessions.delete((cursor as { session_id: string }).session_id);
          return { ...metadata(item), '.tag': 'success' };
        } catch (error) {
          if (!(error instanceof Refused)) throw error;
          return { '.tag': 'failure', failure: error.error };
        }
      }),
    }),
  };

  const server = createServer((request, response) => {
    void answer(request, response).catch(() => response.destroy());
  });
  const json = (response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}) =>
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const { headers } = request;
    if (request.url === '/oauth2/token') {
      // OAUTH, "Using refresh tokens": a new access token with its life in seconds; the refresh token stays.
      const form = new URLSearchParams(body.toString());
      state.refresh.asked++;
      if (form.get('grant_type') !== 'refresh_token' || form.get('refresh_token') !== state.refresh.token) {
        json(response, 400, { error: 'invalid_grant', error_description: 'refresh token is invalid or revoked' });
        return;
      }
      json(response, 200, { access_token: state.refresh.gives, token_type: 'bearer', expires_in: 14_400 });
      return;
    }
    const endpoint = request.url!.replace(/^\/2\//, '');
    state.calls.push({ endpoint, headers });
    const count = (counts.get(endpoint) ?? 0) + 1;
    counts.set(endpoint, count);
    const fault = state.fault(endpoint, count);
    if (fault?.waitMs !== undefined) await new Promise((resolve) => setTimeout(resolve, fault.waitMs));
    if (fault?.refuse !== undefined) {
      response.writeHead(fault.refuse.status, fault.refuse.headers).end(fault.refuse.body);
      return;
    }
    if (!state.tokens.has((headers.authorization ?? '').replace(/^Bearer /, ''))) {
      // ERRORS, 401: the tag says whether it has only expired.
      json(response, 401, { error_summary: 'expired_access_token/...', error: { '.tag': 'expired_access_token' } });
      return;
    }
    const root = headers['dropbox-api-path-root'];
    if (root !== undefined && (JSON.parse(String(root)) as { root: string }).root !== rootNamespace) {
      // ROOT: 422 where the number is no longer the one of the account.
      json(response, 422, { error_summary: 'invalid_root/..', error: { '.tag': 'invalid_root' } });
      return;
    }
    const header = headers['dropbox-api-arg'];
    const argument = (header === undefined ? JSON.parse(body.toString() || 'null') : JSON.parse(String(header))) ?? {};
    try {
      if (endpoint === 'files/download') {
        await download(argument as { path: string }, request, response, fault);
        return;
      }
      if (fault?.corrupt && header !== undefined && body.length > 0) body[0]! ^= 1;
      const result = handlers[endpoint]!(argument as never, body);
      if (fault?.lose) response.destroy();
      else json(response, 200, result);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      json(response, 409, { error_summary: error.summary, error: error.error });
    }
  }

  /** HTTP, "Content-download endpoints": the result in a header, the bytes in the body, ranges as in HTTP. */
  async function download(
    { path }: { path: string },
    request: IncomingMessage,
    response: ServerResponse,
    { cutAfter = Number.POSITIVE_INFINITY, tooLong = 0 }: DropboxFault = {},
  ) {
    const item = path.startsWith('rev:') ? revisions.get(path.slice(4)) : items.get(lower(path));
    if (item === undefined) throw refused('path', 'not_found');
    if (item.tag === 'folder') throw refused('path', 'not_file');
    const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
    const start = Number(from ?? 0);
    const end = Math.min(to === undefined || to === '' ? item.size : Number(to) + 1, item.size);
    response.writeHead(from === undefined ? 200 : 206, {
      'content-type': 'application/octet-stream',
      'content-length': end - start + tooLong,
      ...(tooLong === 0 ? {} : { connection: 'close' }),
      ...(from === undefined ? {} : { 'content-range': `bytes ${start}-${end - 1}/${item.size}` }),
    });
    if (tooLong > 0) response.once('finish', () => response.socket?.destroySoon());
    if (cutAfter < end - start) {
      response.write(readFileSync(item.stored).subarray(start, start + cutAfter), () => response.destroy());
      return;
    }
    if (end > start) await pipeline(createReadStream(item.stored, { start, end: end - 1 }), response);
    else response.end();
  }

  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const state: DropboxServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    contents: () =>
      [...items.values()]
        .filter(({ tag }) => tag === 'file')
        .map(({ display }) => display.slice(1))
        .sort(),
    openSessions: () => sessions.size,
    bytesOf(path) {
      const item = items.get(lower(path));
      return item === undefined ? undefined : readFileSync(item.stored);
    },
    calls: [],
    tokens: new Set(['good-token']),
    refresh: { token: 'refresh-token', gives: 'renewed-token', asked: 0 },
    fault: () => undefined,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          rmSync(folder, { recursive: true });
          resolve();
        });
        for (const socket of sockets) socket.destroy();
      }),
  };
  return state;
}

/** "Content hash": SHA-256 over the SHA-256 of each block of 4 MiB. */
function contentHash(bytes: Buffer): string {
  const whole = createHash('sha256');
  for (let at = 0; at < bytes.length; at += 4 * 1024 * 1024) {
    whole.update(
      createHash('sha256')
        .update(bytes.subarray(at, at + 4 * 1024 * 1024))
        .digest(),
    );
  }
  return whole.digest('hex');
}
