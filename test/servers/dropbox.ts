// A Dropbox on this machine. Each answer names the document of the vendor that it follows; HTTP is
// www.dropbox.com/developers/documentation/http/documentation, ERRORS developers.dropbox.com/error-handling-guide,
// ROOT www.dropbox.com/developers/reference/path-root-header-modes, OAUTH developers.dropbox.com/oauth-guide.
import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  type Argument,
  bytesOf,
  type Content,
  createSessions,
  type Piece,
  Refused,
  refused,
} from './dropbox-sessions.ts';
import { createSharedFolders, type Sharing } from './dropbox-sharing.ts';

interface Item {
  tag: 'file' | 'folder';
  display: string;
  rev: string;
  modified: string;
  content: Content;
}

const nothing: Content = { pieces: [], size: 0, hash: '' };

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
  /** Changes a byte of what is committed, and says its hash. */
  damage?: boolean;
}

export interface DropboxServer {
  url: string;
  /** Paths of files and, with `sessions`, what was uploaded and never committed. */
  contents(): string[];
  openSessions(): number;
  /** As after the 7 days that a session lasts. */
  expireSessions(): void;
  /** What the file at this path holds. */
  bytesOf(path: string): Buffer | undefined;
  /** The files of this machine that hold it, one after another. */
  filesOf(path: string): string[];
  /** Takes it away for good. */
  forget(path: string): void;
  /** Mounts a shared folder, or says anew what the user may do in it. */
  share(path: string, how?: Sharing): void;
  unshare(path: string): void;
  /** Bytes of uploads and downloads. */
  moved: { in: number; out: number };
  calls: { endpoint: string; headers: IncomingMessage['headers'] }[];
  /** Tokens that are good now. */
  tokens: Set<string>;
  /** What a refresh token gets. */
  refresh: { token: string; gives: string; asked: number };
  fault: (endpoint: string, call: number) => DropboxFault | undefined;
  close(): Promise<void>;
}

/** `again`: how a piece is refused that a concurrent session has already, which no document says. */
export async function startDropbox({
  rootNamespace = '7',
  again = 'concurrent_session_invalid_offset',
} = {}): Promise<DropboxServer> {
  const folder = mkdtempSync(join(tmpdir(), 'pipewright-dropbox-'));
  const items = new Map<string, Item>();
  const revisions = new Map<string, Item>();
  const sessions = createSessions(folder, { again });
  const shared = createSharedFolders();
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
    ...shared.infoOf(item.display),
    ...(item.tag === 'folder'
      ? {}
      : {
          rev: item.rev,
          size: item.content.size,
          content_hash: item.content.hash,
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
      modified: '',
      content: nothing,
    });
  };

  /** HTTP, CommitInfo and WriteMode. */
  const commit = (content: Content, info: unknown, ...error: string[]) => {
    const { path, mode, strict_conflict: strict } = info as Argument;
    const at = checkPath(path);
    shared.checkWrite(at, ...error);
    const tag = typeof mode === 'string' ? mode : (mode as { '.tag': string })['.tag'];
    const found = items.get(lower(at));
    if (found?.tag === 'folder') throw refused(...error, 'conflict', 'folder');
    if (found !== undefined && tag === 'add' && (strict === true || found.content.hash !== content.hash)) {
      throw refused(...error, 'conflict', 'file');
    }
    makeParents(at, ...error);
    const item: Item = {
      tag: 'file',
      display: at,
      rev: fresh('a1c'),
      modified: `${new Date().toISOString().slice(0, 19)}Z`,
      content,
    };
    items.set(lower(at), item);
    revisions.set(item.rev, item);
    return item;
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

  type Handler = (argument: Argument) => unknown;
  const handlers: Record<string, Handler> = {
    // HTTP, check/user: what was sent, where the token is good.
    'check/user': ({ query = '' }) => ({ result: query }),
    // HTTP, users/get_current_account: FullAccount with its RootInfo.
    'users/get_current_account': () => ({
      account_id: 'dbid:AAH4f99T0taONIb-OurWxbNQ6ywGRopQngc',
      root_info: { '.tag': 'team', root_namespace_id: rootNamespace, home_namespace_id: '1' },
    }),
    'files/get_metadata': ({ path }) => {
      shared.checkRead(checkPath(path));
      const found = items.get(lower(checkPath(path)));
      if (found === undefined) throw refused('path', 'not_found');
      return metadata(found);
    },
    // HTTP, files/list_folder: pages of at most `limit`, and with `recursive` the folder itself too.
    'files/list_folder': ({ path, recursive, limit = 2000 }) => {
      const at = lower(checkPath(path));
      shared.checkRead(at);
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
      shared.checkWrite(at, 'path');
      const found = items.get(lower(at));
      if (found !== undefined) throw refused('path', 'conflict', found.tag);
      makeParents(at, 'path');
      const item: Item = { tag: 'folder', display: at, rev: fresh('f'), modified: '', content: nothing };
      items.set(lower(at), item);
      return { metadata: metadata(item) };
    },
    // HTTP, files/delete_v2: a folder goes with what is in it.
    'files/delete_v2': ({ path, parent_rev: rev }) => {
      const at = lower(checkPath(path));
      const found = items.get(at);
      if (found === undefined) throw refused('path_lookup', 'not_found');
      shared.checkWrite(at, 'path_write');
      if (rev !== undefined && rev !== found.rev) throw refused('path_write', 'conflict', 'file');
      for (const each of [...items.keys()]) if (each === at || each.startsWith(`${at}/`)) items.delete(each);
      return { metadata: metadata(found) };
    },
    'files/upload_session/finish_batch_v2': ({ entries }) => ({
      entries: (entries as { cursor: unknown; commit: unknown }[]).map(({ cursor, commit: info }) => {
        try {
          const item = sessions.finish(cursor, { batch: true }, (content) => commit(content, info, 'path'));
          return { ...metadata(item), '.tag': 'success' };
        } catch (error) {
          if (!(error instanceof Refused)) throw error;
          return { '.tag': 'failure', failure: error.error };
        }
      }),
    }),
  };
  const uploads: Record<string, (argument: Argument, piece: Piece, fault: DropboxFault) => unknown> = {
    'files/upload_session/start': sessions.start,
    'files/upload_session/append_v2': sessions.append,
    'files/upload_session/finish': ({ cursor, commit: info }, { size: bytes }, { damage = false }) =>
      sessions.finish(cursor, { batch: false, bytes }, (content) =>
        metadata(commit(damage ? damaged(content) : content, info, 'path')),
      ),
  };

  const server = createServer((request, response) => {
    void answer(request, response).catch(() => response.destroy());
  });
  const json = (response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}) =>
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { headers } = request;
    if (request.url === '/oauth2/token') {
      const body = await bodyOf(request);
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
      await bodyOf(request);
      response.writeHead(fault.refuse.status, fault.refuse.headers).end(fault.refuse.body);
      return;
    }
    const upload = uploads[endpoint];
    const piece =
      upload &&
      (await sessions.take(request, {
        corrupt: fault?.corrupt === true,
        onBytes: (count) => {
          state.moved.in += count;
        },
      }));
    const body = piece === undefined ? await bodyOf(request) : undefined;
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
    const argument: Argument =
      (header === undefined ? JSON.parse(body?.toString() || 'null') : JSON.parse(String(header))) ?? {};
    try {
      if (endpoint === 'files/download') {
        await download(String(argument.path), request, response, fault);
        return;
      }
      const result = upload === undefined ? handlers[endpoint]!(argument) : upload(argument, piece!, fault ?? {});
      if (fault?.lose) response.destroy();
      else json(response, 200, result);
    } catch (error) {
      if (piece !== undefined) rmSync(piece.file, { force: true });
      if (!(error instanceof Refused)) throw error;
      json(response, 409, { error_summary: error.summary, error: error.error });
    }
  }

  /** HTTP, "Content-download endpoints": the result in a header, the bytes in the body, ranges as in HTTP. */
  async function download(
    path: string,
    request: IncomingMessage,
    response: ServerResponse,
    { cutAfter = Number.POSITIVE_INFINITY, tooLong = 0 }: DropboxFault = {},
  ) {
    const item = path.startsWith('rev:') ? revisions.get(path.slice(4)) : items.get(lower(path));
    if (item === undefined) throw refused('path', 'not_found');
    shared.checkRead(item.display);
    if (item.tag === 'folder') throw refused('path', 'not_file');
    const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
    const start = Number(from ?? 0);
    const { content } = item;
    const end = Math.min(to === undefined || to === '' ? content.size : Number(to) + 1, content.size);
    response.writeHead(from === undefined ? 200 : 206, {
      'content-type': 'application/octet-stream',
      'content-length': end - start + tooLong,
      ...(tooLong === 0 ? {} : { connection: 'close' }),
      ...(from === undefined ? {} : { 'content-range': `bytes ${start}-${end - 1}/${content.size}` }),
    });
    if (tooLong > 0) response.once('finish', () => response.socket?.destroySoon());
    const cut = cutAfter < end - start;
    const bytes = async function* () {
      for await (const chunk of bytesOf(content, start, cut ? start + cutAfter : end)) {
        state.moved.out += chunk.length;
        yield chunk;
      }
    };
    if (!cut) return pipeline(Readable.from(bytes()), response);
    for await (const chunk of bytes()) await new Promise<void>((sent) => response.write(chunk, () => sent()));
    response.destroy();
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
    openSessions: () => sessions.count(),
    expireSessions: () => sessions.expire(),
    bytesOf(path) {
      const item = items.get(lower(path));
      return item && Buffer.concat(item.content.pieces.map(({ file }) => readFileSync(file)));
    },
    filesOf: (path) => items.get(lower(path))?.content.pieces.map(({ file }) => file) ?? [],
    forget(path) {
      for (const file of state.filesOf(path)) rmSync(file);
      items.delete(lower(path));
    },
    share(path, how = {}) {
      shared.share(path, how);
      if (items.has(lower(path))) return;
      makeParents(path, 'path');
      items.set(lower(path), { tag: 'folder', display: path, rev: fresh('f'), modified: '', content: nothing });
    },
    unshare: (path) => shared.unshare(path),
    moved: { in: 0, out: 0 },
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

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** With another first byte. */
function damaged(content: Content): Content {
  const file = openSync(content.pieces[0]!.file, 'r+');
  const byte = Buffer.alloc(1);
  readSync(file, byte, 0, 1, 0);
  byte[0]! ^= 1;
  writeSync(file, byte, 0, 1, 0);
  closeSync(file);
  return { ...content, hash: '0'.repeat(64) };
}
