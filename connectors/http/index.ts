// The web: public URLs, and any API with a base URL, authentication, headers and query of its own.
import { type ConnectorContext, defineConnector } from '../../engine/contracts/connector.ts';
import type { FileItem } from '../../engine/contracts/data.ts';
import { asFailure, Failure, failure } from '../../engine/errors.ts';
import type { HttpConfig } from '../../schemas/generated/types.ts';
import { type Answer, type Client, createClient } from '../shared/http/client.ts';
import { sendRequest, withBody } from '../shared/http/request.ts';
import { createAccess, oauthOf } from './access.ts';
import { fetchFile, modifiedOf, sizeOf } from './file.ts';
import { upload } from './upload.ts';

export const connector = defineConnector({
  name: 'http',
  capabilities: ['read', 'write', 'request', 'describe'],
  stores: 'files',
  wired: true,
  oauth: oauthOf,

  open(config: Omit<HttpConfig, 'connector'>, context) {
    const { rate_limit: rate } = config;
    const client = createClient({ ...config, access: createAccess(config, context), rate }, context);
    const { addresses } = client;
    const shownOf = (path: string) =>
      config.base_url === undefined || path.includes('://') ? path : `/${context.name}/${path.replace(/^\/+/, '')}`;

    return {
      /** Any path is one file. */
      async read(path, { signal }) {
        signal.throwIfAborted();
        const file = await fetchFile(client, addresses.at(path), shownOf(path), context, { signal });
        return { kind: 'files', files: only(file) };
      },

      /** One file as the body of a PUT, or of the connection's own method where that takes a body. */
      async write(path, stream, o) {
        if (stream.kind === 'rows')
          throw failure('BUG', { reason: 'rows reached the http connector without a format' });
        if (o.mode === 'append' || o.mode === 'upsert') {
          throw failure('OPTION_UNSUPPORTED', {
            what: `\`mode: ${o.mode}\``,
            where: 'HTTP',
            hint: '; use replace or create',
          });
        }
        o.signal.throwIfAborted();
        const target = {
          method: config.method !== undefined && withBody.has(config.method) ? config.method : 'PUT',
          url: addresses.at(path),
          shown: shownOf(path),
        };
        if (o.mode === 'create' && (await isThere(client, target.url, context, o.signal))) {
          throw failure('TARGET_EXISTS', { path: target.shown });
        }
        return upload(client, target, stream, o, context);
      },

      request: (request, o) => sendRequest(client, context, request, o, config),

      async describe(path, { signal }) {
        signal.throwIfAborted();
        const answer = await look(client, addresses.at(path), context, signal);
        const contentType = answer.headers['content-type'];
        return {
          kind: 'file',
          ...sizeOf(answer),
          ...modifiedOf(answer),
          ...(contentType === undefined ? {} : { contentType }),
        };
      },

      /** With a `verify_path`, that it answers with success; without, that the server answers at all and takes the credential. */
      async verify({ signal }) {
        signal.throwIfAborted();
        if (config.base_url === undefined) return { ok: true };
        try {
          await look(client, addresses.at(config.verify_path ?? ''), context, signal);
          return { ok: true };
        } catch (error) {
          if (signal.aborted) throw signal.reason;
          const { code, message } = asFailure(error, context.name);
          const answers = code === 'NOT_FOUND' || code === 'HTTP_STATUS';
          return answers && config.verify_path === undefined ? { ok: true } : { ok: false, code, reason: message };
        }
      },

      close: () => client.close(),
    };
  },
});

async function* only(file: FileItem): AsyncGenerator<FileItem> {
  yield file;
}

/** What a HEAD answers, or a GET where the server has no HEAD. */
async function look(client: Client, url: URL, { retry }: ConnectorContext, signal: AbortSignal): Promise<Answer> {
  const ask = (method: string, statuses: number[] = []) =>
    client.exchange({ method, url, headers: { 'accept-encoding': 'identity' }, statuses, signal });
  const answer = await retry(() => ask('HEAD', [405, 501]), { signal });
  answer.drop();
  if (answer.status < 300) return answer;
  const whole = await retry(() => ask('GET'), { signal });
  whole.drop();
  return whole;
}

async function isThere(client: Client, url: URL, context: ConnectorContext, signal: AbortSignal): Promise<boolean> {
  try {
    await look(client, url, context, signal);
    return true;
  } catch (error) {
    if (error instanceof Failure && error.code === 'NOT_FOUND') return false;
    throw error;
  }
}
