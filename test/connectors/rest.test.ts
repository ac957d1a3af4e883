// Services described by manifests: the interpreter against a server that answers as the manifest says, and as it should not.
import { describe, expect, onTestFinished, test } from 'vitest';
import { restConnector } from '../../connectors/rest/index.ts';
import type { AnyConnection, ReadOptions, WriteOptions } from '../../engine/contracts/connector.ts';
import type { Batch, Row, RowStream } from '../../engine/contracts/data.ts';
import { credentialOf } from '../../engine/secret.ts';
import type { Manifest, ManifestPagination, ManifestResource } from '../../schemas/generated/types.ts';
import { streamOfRows } from '../conformance/database.ts';
import { connectorContext, never } from '../conformance/files.ts';
import { collect, failureOf } from '../conformance/streams.ts';
import { type Answer, type Handler, type HttpServer, startHttpServer } from '../servers/http.ts';

const json = (value: unknown, more: Partial<Answer> = {}): Answer => ({
  body: JSON.stringify(value, (_, field) => (typeof field === 'bigint' ? Number(field) : field)),
  headers: { 'content-type': 'application/json', ...more.headers },
  ...(more.status === undefined ? {} : { status: more.status }),
});

/** Answers with what the query asks for. */
const answering =
  (give: (query: URLSearchParams, body: string) => unknown): Handler =>
  async (request, response, received) => {
    const answer = give(new URL(request.url!, 'http://x').searchParams, String(await received.body));
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  };

async function service(
  resources: Record<string, ManifestResource>,
  more: Partial<Manifest> = {},
  { config = {}, secrets = { token: 's3cret' } }: { config?: Row; secrets?: Record<string, string> } = {},
): Promise<{ server: HttpServer; connection: AnyConnection }> {
  const server = await startHttpServer();
  const manifest: Manifest = {
    name: 'shop',
    title: 'Shop',
    fields: { token: { secret: true } },
    base_url: `${server.url}/v1/`,
    auth: { kind: 'bearer', token: '${config.token}' },
    resources,
    ...more,
  };
  const connection = restConnector(manifest).open(
    config as never,
    connectorContext('my-shop', { credential: credentialOf(secrets) }),
  );
  onTestFinished(async () => {
    await connection.close();
    await server.close();
  });
  return { server, connection };
}

async function batches(connection: AnyConnection, path: string, o: Partial<ReadOptions> = {}): Promise<Batch[]> {
  const stream = (await connection.read!(path, { signal: never, ...o })) as RowStream;
  return collect(stream.batches);
}

async function rows(connection: AnyConnection, path: string, o: Partial<ReadOptions> = {}): Promise<Row[]> {
  return (await batches(connection, path, o)).flatMap((batch) => [...batch.rows]);
}

const numbers = (from: number, count: number) => Array.from({ length: count }, (_, i) => ({ id: from + i }));
const write = (more: Partial<WriteOptions> = {}): WriteOptions => ({
  signal: never,
  mode: 'default',
  beforeCommit: async () => {},
  ...more,
});

describe('pages', () => {
  const kinds: [string, ManifestPagination, (server: HttpServer) => Handler][] = [
    [
      'page',
      { kind: 'page', param: 'page', size_param: 'per', size: 10 },
      () => answering((query) => numbers((Number(query.get('page')) - 1) * 10, 10).filter(({ id }) => id < 35)),
    ],
    [
      'offset',
      { kind: 'offset', param: 'offset', size_param: 'limit', size: 10 },
      () => answering((query) => numbers(Number(query.get('offset')), 10).filter(({ id }) => id < 35)),
    ],
    [
      'cursor of the body',
      { kind: 'cursor', param: 'after', pointer: '/next' },
      () =>
        answering((query) => {
          const from = Number(query.get('after') ?? 0);
          return { data: numbers(from, Math.min(10, 35 - from)), next: from + 10 < 35 ? String(from + 10) : null };
        }),
    ],
    [
      'cursor of the last record',
      { kind: 'cursor', param: 'after', field: 'id', more: '/more' },
      () =>
        answering((query) => {
          const from = Number(query.get('after') ?? -1) + 1;
          return { data: numbers(from, Math.min(10, 35 - from)), more: from + 10 < 35 };
        }),
    ],
    [
      'next URL',
      { kind: 'next_url', pointer: '/next' },
      () =>
        answering((query) => {
          const from = Number(query.get('from') ?? 0);
          return {
            data: numbers(from, Math.min(10, 35 - from)),
            next: from + 10 < 35 ? `/v1/orders?from=${from + 10}` : null,
          };
        }),
    ],
    [
      'Link header',
      { kind: 'link' },
      (server) => async (request, response) => {
        const from = Number(new URL(request.url!, 'http://x').searchParams.get('from') ?? 0);
        const next = `<${server.url}/v1/orders?from=0>; rel="first", <${server.url}/v1/orders?from=${from + 10}>; rel="next"`;
        response
          .writeHead(200, { 'content-type': 'application/json', ...(from + 10 < 35 ? { link: next } : {}) })
          .end(JSON.stringify(numbers(from, Math.min(10, 35 - from))));
      },
    ],
  ];

  test.each(kinds)('%s', async (_, pagination, handler) => {
    const wrapped = 'pointer' in pagination || 'more' in pagination;
    const { server, connection } = await service({
      orders: { path: 'orders', pagination, ...(wrapped ? { records: '/data' } : {}) },
    });
    server.on('GET /v1/orders', handler(server));
    expect(await rows(connection, 'orders')).toEqual(numbers(0, 35));
    expect(new Set(server.received.map(({ headers }) => headers.authorization))).toEqual(new Set(['Bearer s3cret']));
  });

  test('in the body of a POST', async () => {
    const pagination: ManifestPagination = {
      kind: 'cursor',
      in: 'body',
      param: 'start',
      pointer: '/next',
      size_param: 'size',
      size: 2,
    };
    const { server, connection } = await service({
      orders: { method: 'POST', path: 'query', body: { kind: 'order' }, records: '/data', pagination },
    });
    server.on(
      'POST /v1/query',
      answering((_, body) => {
        const { kind, start = 0, size } = JSON.parse(body);
        expect(kind).toBe('order');
        return { data: numbers(start, size), next: start >= 4 ? null : start + size };
      }),
    );
    expect(await rows(connection, 'orders')).toEqual(numbers(0, 6));
  });

  test('numbered pages are asked for ahead, and no more than may be at once', async () => {
    const pagination: ManifestPagination = { kind: 'page', param: 'page', size: 10 };
    const { server, connection } = await service(
      { orders: { path: 'orders', pagination } },
      {},
      { config: { concurrency: 5 } },
    );
    let going = 0;
    let most = 0;
    server.on('GET /v1/orders', async (request, response) => {
      most = Math.max(most, ++going);
      await new Promise((resolve) => setTimeout(resolve, 20));
      going--;
      const page = Number(new URL(request.url!, 'http://x').searchParams.get('page'));
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify(numbers(page * 10, page < 20 ? 10 : 3)));
    });
    expect(await rows(connection, 'orders')).toEqual(numbers(10, 193));
    expect(most).toBe(5);
  });

  test.each([
    ['numbered', { kind: 'page', param: 'page', size: 2 }, () => [{ id: 1 }, { id: 2 }]],
    ['a cursor', { kind: 'cursor', param: 'after', pointer: '/next' }, () => ({ data: [{ id: 1 }], next: 'same' })],
  ] as [string, ManifestPagination, () => unknown][])(
    'that repeat for ever are found: %s',
    async (_, pagination, give) => {
      const { server, connection } = await service({
        orders: { path: 'orders', pagination, ...('pointer' in pagination ? { records: '/data' } : {}) },
      });
      server.on('GET /v1/orders', answering(give));
      expect(await failureOf(rows(connection, 'orders'))).toMatchObject({ code: 'PAGES_REPEAT' });
      expect(server.received.length).toBeLessThan(12);
    },
  );

  test('a next URL on another host is refused, and that host hears nothing', async () => {
    const other = await startHttpServer();
    onTestFinished(() => other.close());
    const { server, connection } = await service({
      orders: { path: 'orders', records: '/data', pagination: { kind: 'next_url', pointer: '/next' } },
    });
    server.on('GET /v1/orders', json({ data: [{ id: 1 }], next: `${other.url}/v1/orders?page=2` }));
    expect(await failureOf(rows(connection, 'orders'))).toMatchObject({ code: 'HOST_NOT_ALLOWED' });
    expect(other.received).toEqual([]);
  });

  test('a read goes on after a checkpoint', async () => {
    const pagination: ManifestPagination = { kind: 'cursor', param: 'after', pointer: '/next' };
    const { server, connection } = await service({ orders: { path: 'orders', records: '/data', pagination } });
    server.on(
      'GET /v1/orders',
      answering((query) => {
        const from = Number(query.get('after') ?? 0);
        return { data: numbers(from, 10), next: from < 40 ? String(from + 10) : null };
      }),
    );
    const all = await batches(connection, 'orders', { checkpoints: true });
    expect(all).toHaveLength(5);
    for (const [i, { checkpoint }] of all.entries()) {
      const rest = await rows(connection, 'orders', {
        checkpoints: true,
        after: JSON.parse(JSON.stringify(checkpoint)),
      });
      expect(rest).toEqual(numbers((i + 1) * 10, 50 - (i + 1) * 10));
    }
  });
});

describe('records', () => {
  test('declared columns get their types, others stay as they come', async () => {
    const { server, connection } = await service({
      calls: {
        path: 'calls',
        key: 'sid',
        columns: {
          sid: 'text',
          seconds: 'integer',
          price: 'decimal',
          started: { type: 'timestamptz', format: 'rfc2822' },
          stamp: { type: 'timestamptz', format: 'epoch' },
          ms: { type: 'timestamptz', format: 'epoch_ms' },
          who: { type: 'text', pointer: '/user/login' },
          big: 'integer',
        },
      },
    });
    server.on('GET /v1/calls', {
      body: `[{"sid":"CA1","seconds":"61","price":"-0.00750","started":"Tue, 31 Aug 2010 20:36:28 +0000","stamp":"1503435956.000247",
        "ms":1503435956123,"user":{"login":"ada"},"big":9223372036854775807,"more":{"a":[1]}}]`,
      headers: { 'content-type': 'application/json' },
    });
    const stream = (await connection.read!('calls', { signal: never })) as RowStream;
    expect(stream.columns?.map(({ name, type, key }) => [name, type, key])).toEqual([
      ['sid', 'text', true],
      ['seconds', 'integer', undefined],
      ['price', 'decimal', undefined],
      ['started', 'timestamptz', undefined],
      ['stamp', 'timestamptz', undefined],
      ['ms', 'timestamptz', undefined],
      ['who', 'text', undefined],
      ['big', 'integer', undefined],
      ['user', 'text', undefined],
      ['more', 'text', undefined],
    ]);
    expect((await collect(stream.batches))[0]!.rows).toEqual([
      {
        sid: 'CA1',
        seconds: 61,
        price: '-0.00750',
        started: '2010-08-31T20:36:28Z',
        stamp: '2017-08-22T21:05:56.000247Z',
        ms: '2017-08-22T21:05:56.123Z',
        who: 'ada',
        big: 9223372036854775807n,
        user: { login: 'ada' },
        more: { a: [1] },
      },
    ]);
  });

  test.each([
    ['a value of another type', [{ id: 'x' }], 'VALUE_INVALID', 'column "id": "x" is not of type integer (record 1)'],
    ['a record without its key', [{ id: 1 }, { name: 'b' }], 'VALUE_INVALID', '(record 2)'],
    ['a record that is none', [1], 'VALUE_INVALID', '1 is not a record'],
    ['no list', { data: 1 }, 'ANSWER_UNEXPECTED', 'without a list of records'],
  ])('%s is refused', async (_, answer, code, says) => {
    const list = Array.isArray(answer);
    const { server, connection } = await service({
      orders: { path: 'orders', key: 'id', columns: { id: 'integer' }, ...(list ? {} : { records: '/data' }) },
    });
    server.on('GET /v1/orders', json(answer));
    expect(await failureOf(rows(connection, 'orders'))).toMatchObject({ code, message: expect.stringContaining(says) });
  });

  test('lists whose first names the columns, objects lifted', async () => {
    const { server, connection } = await service({
      sheet: { path: 'sheet', records: '/values', arrays: true },
      people: { path: 'people', lift: ['properties'] },
    });
    server.on('GET /v1/sheet', json({ values: [['a', 'b'], ['1', '2'], ['3']] }));
    server.on('GET /v1/people', json([{ id: '1', properties: { name: 'Ada', id: 'inner' } }]));
    expect(await rows(connection, 'sheet')).toEqual([
      { a: '1', b: '2' },
      { a: '3', b: null },
    ]);
    expect(await rows(connection, 'people')).toEqual([{ id: '1', name: 'Ada' }]);
  });

  test('a range without a cell in it has no rows, and needs no list', async () => {
    const { server, connection } = await service({ cells: { path: 'cells', records: '/values', arrays: true } });
    server.on('GET /v1/cells', json({ range: 'A1:B2', majorDimension: 'ROWS' }), json({ error: 'x', values: 'y' }));
    expect(await rows(connection, 'cells')).toEqual([]);
    expect(await failureOf(rows(connection, 'cells'))).toMatchObject({ code: 'ANSWER_UNEXPECTED' });
  });

  test('of every parent, in the order of the parents', async () => {
    const { server, connection } = await service({
      channels: { path: 'channels' },
      messages: {
        path: 'channels/${parent.id}/messages',
        parent: { resource: 'channels', columns: { channel: 'id' } },
        pagination: { kind: 'page', param: 'page', size: 2 },
      },
    });
    server.on('GET /v1/channels', json([{ id: 'a' }, { id: 'b/c' }, { id: 'd' }]));
    const page = answering((query) => (query.get('page') === '1' ? [{ n: 1 }, { n: 2 }] : [{ n: 3 }]));
    for (const id of ['a', 'b/c', 'd']) server.on(`GET /v1/channels/${id}/messages`, page);
    const all = await batches(connection, 'messages', { checkpoints: true });
    const expected = ['a', 'b/c', 'd'].flatMap((channel) => [1, 2, 3].map((n) => ({ channel, n })));
    expect(all.flatMap((batch) => [...batch.rows])).toEqual(expected);
    let done = 0;
    for (const { rows: some, checkpoint } of all) {
      done += some.length;
      const after = JSON.parse(JSON.stringify(checkpoint));
      expect(await rows(connection, 'messages', { checkpoints: true, after })).toEqual(expected.slice(done));
    }
  });
});

describe('filters', () => {
  const resource: ManifestResource = {
    path: 'repos/${filters.repository}/issues',
    filters: {
      repository: { required: true, description: 'Which one.' },
      since: { type: 'date-time', format: 'epoch', query: 'from' },
      state: { enum: ['open', 'all'], default: 'all' },
    },
  };

  test('go into the path and the query, in the form that the service wants', async () => {
    const { server, connection } = await service({ issues: resource });
    server.on('GET /v1/repos/ada/my%20repo/issues', json([]));
    await rows(connection, 'issues', { filters: { repository: 'ada/my repo', since: '2026-01-01T00:00:00Z' } });
    expect(server.received[0]!.url).toBe('/v1/repos/ada/my%20repo/issues?from=1767225600&state=all');
  });

  test.each([
    [{}, 'OPTION_UNSUPPORTED', 'without the filter "repository"'],
    [{ repository: 'a', stat: 'open' }, 'OPTION_UNSUPPORTED', 'did you mean "state"'],
    [{ repository: 'a', state: 'shut' }, 'VALUE_INVALID', 'one of open, all'],
    [{ repository: 'a', since: 'yesterday' }, 'VALUE_INVALID', 'a date or a time'],
    [{ repository: '../../admin' }, 'PATH_INVALID', 'cannot be a part of the path'],
  ])('%j', async (filters, code, says) => {
    const { server, connection } = await service({ issues: resource });
    expect(await failureOf(rows(connection, 'issues', { filters: filters as Row }))).toMatchObject({
      code,
      message: expect.stringContaining(says),
    });
    expect(server.received).toEqual([]);
  });

  test('a partition is read in stretches of time', async () => {
    const { server, connection } = await service({
      calls: {
        path: 'calls',
        filters: { from: { type: 'date-time' }, to: { type: 'date-time' } },
        partition: { from: 'from', to: 'to', step: '1d' },
      },
    });
    server.on(
      'GET /v1/calls',
      answering((query) => [{ from: query.get('from'), to: query.get('to') }]),
    );
    const filters = { from: '2026-01-01T00:00:00.000Z', to: '2026-01-03T12:00:00.000Z' };
    expect(await rows(connection, 'calls', { filters, partition: { into: 'auto' } })).toEqual([
      { from: '2026-01-01T00:00:00.000Z', to: '2026-01-02T00:00:00.000Z' },
      { from: '2026-01-02T00:00:00.000Z', to: '2026-01-03T00:00:00.000Z' },
      { from: '2026-01-03T00:00:00.000Z', to: '2026-01-03T12:00:00.000Z' },
    ]);
  });
});

describe('a cursor', () => {
  const resource = (order: 'asc' | 'desc'): ManifestResource => ({
    path: 'orders',
    columns: { id: 'integer', at: 'timestamptz' },
    filters: { since: { type: 'date-time' } },
    cursor: { field: 'at', filter: 'since', order },
  });
  const at = (day: number) => `2026-01-0${day}T00:00:00Z`;

  test('gives what is new, and how far it reaches', async () => {
    const { server, connection } = await service({ orders: resource('asc') });
    server.on('GET /v1/orders', json([1, 2, 3, 4].map((id) => ({ id, at: at(id) }))));
    const all = await batches(connection, 'orders', { cursor: { columns: ['at'], after: { at: at(2) } } });
    expect(server.received[0]!.url).toBe(`/v1/orders?since=${encodeURIComponent(at(2))}`);
    expect(all.flatMap((batch) => batch.rows).map(({ id }) => id)).toEqual([3, 4]);
    expect(all.at(-1)!.checkpoint).toEqual({ at: at(4) });
    const again = await batches(connection, 'orders', {
      cursor: { columns: ['at'], after: { at: at(1) }, until: { at: at(3) } },
    });
    expect(again.flatMap((batch) => batch.rows).map(({ id }) => id)).toEqual([2, 3]);
  });

  test('newest first: only the end says how far', async () => {
    const { server, connection } = await service({ orders: resource('desc') });
    server.on('GET /v1/orders', json([4, 3].map((id) => ({ id, at: at(id) }))));
    const all = await batches(connection, 'orders', { cursor: { columns: ['at'] } });
    expect(all.map(({ checkpoint }) => checkpoint)).toEqual([undefined, { at: at(4) }]);
    const refused = batches(connection, 'orders', { cursor: { columns: ['at'] }, checkpoints: true });
    expect(await failureOf(refused)).toMatchObject({ code: 'NOT_RESUMABLE' });
  });

  test.each([
    ['goes back', [3, 1], 'after one with'],
    ['is missing', [1, undefined], 'a value to go on after'],
  ])('that %s is refused', async (_, days, says) => {
    const { server, connection } = await service({ orders: resource('asc') });
    server.on('GET /v1/orders', json(days.map((day, id) => ({ id, ...(day === undefined ? {} : { at: at(day) }) }))));
    const read = batches(connection, 'orders', { cursor: { columns: ['at'] } });
    expect(await failureOf(read)).toMatchObject({ message: expect.stringContaining(says) });
  });
});

describe('errors in the words of the service', () => {
  const errors: Manifest['errors'] = {
    message: '/error/text',
    code: '/error/code',
    failed: 'response.body.?ok == false',
    map: [
      { code: 'no_scope', means: 'permission', help: 'add the scope `read`' },
      { status: 420, means: 'retry' },
    ],
  };
  const refusal = (status: number, code: string) => json({ ok: false, error: { text: 'so it is', code } }, { status });

  test.each([
    ['an error with status 200', [refusal(200, 'bad_thing')], 'HTTP_STATUS', 'so it is (bad_thing)'],
    ['a code that the manifest knows', [refusal(403, 'no_scope')], 'CREDENTIAL_REFUSED', 'add the scope `read`'],
    ['401 twice', [refusal(401, 'x'), refusal(401, 'x')], 'CREDENTIAL_REFUSED', 'so it is'],
    ['a 404', [refusal(404, 'x')], 'NOT_FOUND', 'so it is'],
    [
      'HTML',
      [{ body: '<html>Sorry</html>', headers: { 'content-type': 'text/html' } }],
      'ANSWER_UNEXPECTED',
      'answered with text/html where JSON should be',
    ],
    [
      'a redirect elsewhere',
      [{ status: 302, headers: { location: 'http://127.0.0.1:1/x' } }],
      'CONNECTION_REFUSED',
      '',
    ],
  ])('%s', async (_, answers, code, says) => {
    const { server, connection } = await service({ orders: { path: 'orders', records: '/data' } }, { errors });
    server.on('GET /v1/orders', ...(answers as Answer[]));
    expect(await failureOf(rows(connection, 'orders'))).toMatchObject({ code, message: expect.stringContaining(says) });
  });

  test('a redirect elsewhere is followed without the credential', async () => {
    const elsewhere = await startHttpServer();
    onTestFinished(() => elsewhere.close());
    elsewhere.on('GET /orders', json({ data: [{ id: 1 }] }));
    const { server, connection } = await service({ orders: { path: 'orders', records: '/data' } }, { errors });
    server.on('GET /v1/orders', { status: 302, headers: { location: `${elsewhere.url}/orders` } });
    expect(await rows(connection, 'orders')).toEqual([{ id: 1 }]);
    expect(server.received[0]!.headers.authorization).toBe('Bearer s3cret');
    expect(JSON.stringify(elsewhere.received[0]!.headers)).not.toContain('s3cret');
  });

  test('what means "try again" is tried again, also a body that was cut', async () => {
    const { server, connection } = await service({ orders: { path: 'orders', records: '/data' } }, { errors });
    const good = json({ data: [{ id: 1 }] });
    server.on('GET /v1/orders', refusal(420, 'x'), { status: 429 }, { ...good, cutAfter: 5 }, good);
    expect(await rows(connection, 'orders')).toEqual([{ id: 1 }]);
    expect(server.received).toHaveLength(4);
  });

  test('the limit that the service tells is kept', async () => {
    const { server, connection } = await service(
      { orders: { path: 'orders', pagination: { kind: 'link' } } },
      { rate_limit: { remaining_header: 'X-Left', reset_header: 'X-Reset' } },
    );
    const next = { link: '</v1/orders?page=2>; rel="next"', 'x-left': '0', 'x-reset': '0.3' };
    server.on('GET /v1/orders', json([{ id: 1 }], { headers: next }), json([{ id: 2 }]));
    const started = performance.now();
    expect(await rows(connection, 'orders')).toHaveLength(2);
    expect(performance.now() - started).toBeGreaterThan(290);
  });
});

describe('writing', () => {
  test('record by record, each with a key of its own that a retry keeps', async () => {
    const { server, connection } = await service({
      orders: { path: 'orders', create: { path: 'orders', idempotency_header: 'Idempotency-Key' } },
    });
    server.on('POST /v1/orders', { status: 500 }, json({}));
    const source = streamOfRows(undefined, [{ id: 1 }], [{ id: 2 }]);
    expect(await connection.write!('orders', source, write())).toMatchObject({ rows: 2 });
    const keys = await Promise.all(
      server.received.map(async ({ headers, body }) => `${await body} ${headers['idempotency-key']}`),
    );
    expect(keys).toHaveLength(3);
    expect(new Set(keys).size).toBe(2);
  });

  test('in batches, in the shape and the encoding of the service', async () => {
    const { server, connection } = await service({
      contacts: {
        path: 'contacts',
        create: { path: 'batch', batch: 2, body: { inputs: "${records.map(r, {'properties': r})}" } },
        update: { method: 'PATCH', path: 'contacts/${record.id}', encoding: 'form' },
      },
    });
    server.on('POST /v1/batch', json({}));
    server.on('PATCH /v1/contacts/7', json({}));
    await connection.write!('contacts', streamOfRows(undefined, [{ n: 1 }, { n: 2 }, { n: 3 }]), write());
    const bodies = await Promise.all(server.received.map(async ({ body }) => JSON.parse(String(await body))));
    expect(bodies).toEqual([
      { inputs: [{ properties: { n: 1 } }, { properties: { n: 2 } }] },
      { inputs: [{ properties: { n: 3 } }] },
    ]);
    await connection.write!(
      'contacts',
      streamOfRows(undefined, [{ id: 7, a: { b: 'ü&' } }]),
      write({ mode: 'upsert', key: ['id'] }),
    );
    expect(String(await server.received.at(-1)!.body)).toBe('id=7&a%5Bb%5D=%C3%BC%26');
  });

  test('a record that is refused fails the write, or goes where it is wanted', async () => {
    const { server, connection } = await service({ orders: { path: 'orders', create: { path: 'orders', batch: 2 } } });
    server.on('POST /v1/orders', async (_, response, received) => {
      const bad = String(await received.body).includes('"bad"');
      response.writeHead(bad ? 422 : 200, { 'content-type': 'application/json' }).end('{"why":"no"}');
    });
    const source = () => streamOfRows(undefined, [{ v: 'a' }, { v: 'bad' }, { v: 'c' }]);
    expect(await failureOf(connection.write!('orders', source(), write()))).toMatchObject({
      code: 'HTTP_STATUS',
      message: expect.stringContaining('records 1 to 2'),
    });
    const rejected: unknown[] = [];
    const onReject = async ({ row, position }: { row: Row; position: number }) => void rejected.push([row, position]);
    expect(await connection.write!('orders', source(), write({ onReject }))).toMatchObject({ rows: 2 });
    expect(rejected).toEqual([[{ v: 'bad' }, 2]]);
  });

  test.each([
    [{ mode: 'replace' } as const, 'it takes append'],
    [{ commit: 'batch' } as const, 'as soon as it was sent'],
  ])('%j is refused', async (more, says) => {
    const { connection } = await service({ orders: { path: 'orders', create: { path: 'orders' } } });
    const refused = connection.write!('orders', streamOfRows(undefined, [{ id: 1 }]), write(more));
    expect(await failureOf(refused)).toMatchObject({
      code: 'OPTION_UNSUPPORTED',
      message: expect.stringContaining(says),
    });
  });
});

describe('a connection', () => {
  test('lists and describes its resources, and says what else there is', async () => {
    const { connection } = await service({
      orders: { path: 'o', columns: { id: 'integer' } },
      customers: { path: 'c' },
    });
    expect((await collect(connection.list!('', { signal: never }))).map(({ kind, path }) => [kind, path])).toEqual([
      ['resource', 'orders'],
      ['resource', 'customers'],
    ]);
    expect(await connection.describe!('orders', { signal: never })).toMatchObject({
      kind: 'resource',
      columns: [{ name: 'id', type: 'integer' }],
    });
    expect(await failureOf(rows(connection, 'order'))).toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringContaining('did you mean "orders"'),
    });
  });

  test('verifies with the call of the manifest', async () => {
    const { server, connection } = await service({ orders: { path: 'o' } }, { verify: { path: 'me' } });
    server.on('GET /v1/me', json({}), json({ message: 'no' }, { status: 401 }), json({}, { status: 401 }));
    expect(await connection.verify({ signal: never })).toEqual({ ok: true });
    expect(await connection.verify({ signal: never })).toMatchObject({ ok: false, code: 'CREDENTIAL_REFUSED' });
  });

  test.each([
    [
      'basic',
      { kind: 'basic', username: '${config.user}', password: '${config.token}' },
      'authorization',
      'Basic YWRhOnMzY3JldA==',
    ],
    [
      'a key in a header',
      { kind: 'api_key', name: 'X-Key', prefix: 'Key ', token: '${config.token}' },
      'x-key',
      'Key s3cret',
    ],
    [
      'a key in the query',
      { kind: 'api_key', in: 'query', name: 'key', token: '${config.token}' },
      undefined,
      undefined,
    ],
  ] as const)('authenticates: %s', async (_, auth, header, value) => {
    const { server, connection } = await service({ orders: { path: 'o' } }, { auth }, { config: { user: 'ada' } });
    server.on('GET /v1/o', json([]));
    await rows(connection, 'orders');
    const [received] = server.received;
    if (header === undefined) expect(received!.url).toBe('/v1/o?key=s3cret');
    else expect(received!.headers[header]).toBe(value);
  });

  test('a missing secret is named', async () => {
    const { connection } = await service({ orders: { path: 'o' } }, {}, { secrets: {} });
    expect(await failureOf(rows(connection, 'orders'))).toMatchObject({
      code: 'CREDENTIAL_MISSING',
      message: expect.stringContaining('token'),
    });
  });

  test('makes any other call with the credential put in, on its own hosts only', async () => {
    const { server, connection } = await service({ orders: { path: 'o' } });
    server.on('POST /v1/exports', json({ id: 7 }));
    const answer = await connection.request!({ url: 'exports', body: { from: 1 } }, { signal: never });
    expect(String(Buffer.concat(await collect(answer.body)))).toBe('{"id":7}');
    expect(server.received[0]!.headers.authorization).toBe('Bearer s3cret');
    const elsewhere = connection.request!({ url: 'http://127.0.0.1:9/x' }, { signal: never });
    expect(await failureOf(elsewhere)).toMatchObject({ code: 'HOST_NOT_ALLOWED' });
    const forbidden = connection.request!({ url: 'o', headers: { Authorization: 'mine' } }, { signal: never });
    expect(await failureOf(forbidden)).toMatchObject({ code: 'OPTION_UNSUPPORTED' });
  });
});
