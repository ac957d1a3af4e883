// Services as their vendors document them, as far as the examples go: pages, authentication, and what they say when it is wrong.
import { type HttpServer, startHttpServer } from './http.ts';

type Item = Record<string, unknown>;

export interface TestApi {
  /** What the connection's `base_url` is to be. */
  baseUrl: string;
  server: HttpServer;
  close(): Promise<void>;
}

const json = { 'content-type': 'application/json' };

/**
 * Calls of an account, newest first.
 * Pages: https://www.twilio.com/docs/usage/twilios-response#response-formats-list-paging-information
 * Calls: https://www.twilio.com/docs/voice/api/call-resource
 * Errors: https://www.twilio.com/docs/usage/twilios-response#response-formats-exceptions, https://www.twilio.com/docs/api/errors/20003
 */
export async function startTwilio(sid: string, token: string, calls: readonly Item[]): Promise<TestApi> {
  const server = await startHttpServer();
  const path = `/2010-04-01/Accounts/${sid}/Calls.json`;
  const wanted = `Basic ${Buffer.from(`${sid}:${token}`).toString('base64')}`;
  server.on(`GET ${path}`, (request, response) => {
    if (request.headers.authorization !== wanted) {
      const error = {
        code: 20003,
        message: 'Authenticate',
        more_info: 'https://www.twilio.com/docs/errors/20003',
        status: 401,
      };
      response.writeHead(401, json).end(JSON.stringify(error));
      return;
    }
    const query = new URL(request.url!, server.url).searchParams;
    const after = Date.parse(query.get('StartTime>') ?? '1970-01-01');
    // The largest page that the test wants to see, so that there are several.
    const size = Math.min(Number(query.get('PageSize') ?? 50), 20);
    const page = Number(query.get('Page') ?? 0);
    const all = calls.filter(({ start_time: start }) => Date.parse(String(start)) >= after);
    const more = (page + 1) * size < all.length;
    const next = new URLSearchParams(query);
    next.set('Page', String(page + 1));
    next.set('PageToken', `PA${page + 1}`);
    response.writeHead(200, json).end(
      JSON.stringify({
        calls: all.slice(page * size, (page + 1) * size),
        page,
        page_size: size,
        uri: request.url,
        next_page_uri: more ? `${path}?${next}` : null,
      }),
    );
  });
  return { baseUrl: `${server.url}/2010-04-01/Accounts/${sid}/`, server, close: () => server.close() };
}

/**
 * Issues of one repository.
 * Issues: https://docs.github.com/en/rest/issues/issues#list-repository-issues
 * Pages: https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api
 * Limits: https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
 */
export async function startGitHub(token: string, repository: string, issues: readonly Item[]): Promise<TestApi> {
  const server = await startHttpServer();
  server.on(`GET /repos/${repository}/issues`, (request, response) => {
    if (request.headers.authorization !== `Bearer ${token}`) {
      response.writeHead(401, json).end(
        JSON.stringify({
          message: 'Bad credentials',
          documentation_url: 'https://docs.github.com/rest',
          status: '401',
        }),
      );
      return;
    }
    const query = new URL(request.url!, server.url).searchParams;
    const size = Math.min(Number(query.get('per_page') ?? 30), 25);
    const page = Number(query.get('page') ?? 1);
    const state = query.get('state') ?? 'open';
    const all = issues.filter((issue) => state === 'all' || issue.state === state);
    const address = (at: number) => {
      const there = new URLSearchParams(query);
      there.set('page', String(at));
      return `<${server.url}/repos/${repository}/issues?${there}>`;
    };
    const last = Math.max(1, Math.ceil(all.length / size));
    const links = page < last ? [`${address(page + 1)}; rel="next"`, `${address(last)}; rel="last"`] : [];
    response
      .writeHead(200, {
        ...json,
        'x-ratelimit-limit': '5000',
        'x-ratelimit-remaining': '4987',
        'x-ratelimit-reset': String(Math.floor(Date.now() / 1000) + 600),
        ...(links.length > 0 ? { link: links.join(', ') } : {}),
      })
      .end(JSON.stringify(all.slice((page - 1) * size, page * size)));
  });
  return { baseUrl: `${server.url}/`, server, close: () => server.close() };
}

/**
 * Orders of a shop. A request for a further page may have no other parameters than `page_info` and `limit`.
 * Orders: https://shopify.dev/docs/api/admin-rest/latest/resources/order
 * Pages: https://shopify.dev/docs/api/admin-rest/usage/pagination
 * Limits: https://shopify.dev/docs/api/admin-rest/usage/rate-limits
 */
export async function startShopify(token: string, orders: readonly Item[]): Promise<TestApi> {
  const server = await startHttpServer();
  let asked = 0;
  server.on('GET /admin/api/2025-10/orders.json', (request, response) => {
    if (request.headers['x-shopify-access-token'] !== token) {
      const errors = '[API] Invalid API key or access token (unrecognized login or wrong password)';
      response.writeHead(401, json).end(JSON.stringify({ errors }));
      return;
    }
    asked++;
    if (asked === 2) {
      response
        .writeHead(429, { ...json, 'retry-after': '0.2' })
        .end(JSON.stringify({ errors: 'Exceeded 2 calls per second for api client.' }));
      return;
    }
    const query = new URL(request.url!, server.url).searchParams;
    const info = query.get('page_info');
    if (info !== null && [...query.keys()].some((name) => name !== 'page_info' && name !== 'limit')) {
      response.writeHead(400, json).end(JSON.stringify({ errors: { page_info: 'Invalid value.' } }));
      return;
    }
    const at = info === null ? 0 : Number(Buffer.from(info, 'base64url').toString());
    const size = Math.min(Number(query.get('limit') ?? 50), 10);
    const next = Buffer.from(String(at + size)).toString('base64url');
    const link = `<${server.url}/admin/api/2025-10/orders.json?page_info=${next}&limit=${query.get('limit')}>; rel="next"`;
    response
      .writeHead(200, {
        ...json,
        'x-shopify-shop-api-call-limit': '1/40',
        ...(at + size < orders.length ? { link } : {}),
      })
      .end(JSON.stringify({ orders: orders.slice(at, at + size) }));
  });
  return { baseUrl: `${server.url}/admin/api/2025-10/`, server, close: () => server.close() };
}
