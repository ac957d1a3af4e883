// request: one HTTP call against a real server, and what comes of its answer.
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type HttpServer, startHttpServer } from '../../servers/http.ts';
import { collect, collectFiles, failureOf, run } from './context.ts';

let server: HttpServer;
beforeAll(async () => {
  server = await startHttpServer();
});
afterAll(() => server.close());

const json = { 'content-type': 'application/json' };

describe('request', () => {
  it('gives the body as a file, and status and headers as its result', async () => {
    server.on('GET /data/orders.csv', { headers: { 'content-type': 'text/csv', 'x-page': '1' }, body: 'id\n1\n' });
    const { output, result } = await run('request', { url: `${server.url}/data/orders.csv?page=1` });
    expect(result).toMatchObject({
      status: 200,
      headers: { 'x-page': '1' },
      url: `${server.url}/data/orders.csv?page=1`,
    });
    expect(await collectFiles(output)).toEqual({ 'orders.csv': 'id\n1\n' });
  });

  it('decodes the answer by its content type, its encoding, or the format that is said', async () => {
    server.on('GET /plain', { headers: json, body: '[{"id":1}]' });
    server.on('GET /packed', { headers: { ...json, 'content-encoding': 'gzip' }, body: gzipSync('[{"id":2}]') });
    server.on('GET /inside', { body: '{"data":[{"id":3}]}' });
    const rows = async (path: string, params = {}) => {
      const { output } = await run('request', { url: `${server.url}${path}`, ...params });
      return collect((await run('select', { columns: ['id'] }, output)).output);
    };
    expect(await rows('/plain')).toEqual([{ id: 1 }]);
    expect(await rows('/packed')).toEqual([{ id: 2 }]);
    expect(await rows('/inside', { format: { name: 'json', pointer: '/data' } })).toEqual([{ id: 3 }]);
  });

  it('sends query, headers and body', async () => {
    server.on('POST /orders', { status: 201, headers: json, body: '{"id":7}' });
    const params = {
      url: `${server.url}/orders`,
      query: { size: 100, status: ['open', 'paid'], none: null },
      headers: { 'x-key': 'k' },
      body: { name: 'Ada' },
    };
    const { output, result } = await run('request', params);
    await collectFiles(output);
    expect(result).toMatchObject({ status: 201 });
    const sent = server.received.at(-1)!;
    expect(sent.url).toBe('/orders?size=100&status=open&status=paid');
    expect(sent.headers).toMatchObject({ 'x-key': 'k', 'content-type': expect.stringContaining('application/json') });
    expect(JSON.parse((await sent.body).toString())).toEqual({ name: 'Ada' });
  });

  it('sends a form', async () => {
    server.on('POST /token', { headers: json, body: '{}' });
    await run('request', {
      url: `${server.url}/token`,
      form: { grant_type: 'x y', scope: ['a', 'b'], none: null, n: 1 },
    });
    const sent = server.received.at(-1)!;
    expect(sent.headers['content-type']).toBe('application/x-www-form-urlencoded');
    expect((await sent.body).toString()).toBe('grant_type=x+y&scope=a&scope=b&n=1');
    const both = run('request', { url: `${server.url}/token`, form: {}, body: 'x' });
    expect(await failureOf(both)).toBe('OPTION_UNSUPPORTED `body` is not supported by `form`; send one of the two');
  });

  it('fails on an answer that is no success, unless it was expected', async () => {
    server.on('GET /gone', { status: 404, body: 'nothing here' });
    const url = `${server.url}/gone`;
    expect(await failureOf(run('request', { url }))).toMatch(/^(HTTP_STATUS|NOT_FOUND)/);
    const { output, result } = await run('request', { url, statuses: [404] });
    expect(result).toMatchObject({ status: 404 });
    expect(await collectFiles(output)).toEqual({ gone: 'nothing here' });
  });

  it('refuses a connection that makes no calls', async () => {
    const connections = { files: { connector: 'local', config: {} } };
    expect(await failureOf(run('request', { url: '/files/x' }, undefined, { connections }))).toBe(
      'CAPABILITY_MISSING /files/x (connector local) cannot make HTTP calls',
    );
  });

  it('goes through a connection', async () => {
    server.on('GET /v1/me', { headers: json, body: '{"id":1}' });
    const connections = { api: { connector: 'http', config: { base_url: `${server.url}/v1/` } } };
    for (const params of [{ url: '/api/me' }, { url: 'me', connection: 'api' }]) {
      const { output } = await run('request', params, undefined, { connections });
      expect(await collectFiles(output)).toEqual({ me: '{"id":1}' });
    }
  });
});
