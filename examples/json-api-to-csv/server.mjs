// A small API on this machine, so that the example needs no network: GET /v1/products answers input/products.json.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';

const products = await readFile(new URL('input/products.json', import.meta.url));
const server = createServer((request, response) => {
  if (request.headers.authorization !== 'Bearer example-token') {
    response.writeHead(401, { 'content-type': 'application/json' }).end('{"error":"a token is needed"}');
  } else if (new URL(request.url, 'http://localhost').pathname !== '/v1/products') {
    response.writeHead(404, { 'content-type': 'application/json' }).end('{"error":"not found"}');
  } else {
    response.writeHead(200, { 'content-type': 'application/json' }).end(products);
  }
});
server.listen(Number(process.env.PORT ?? 8080), '127.0.0.1', () =>
  console.log(`http://127.0.0.1:${server.address().port}`),
);
