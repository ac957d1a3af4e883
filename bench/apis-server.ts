// A paginated API for the bench, in a process of its own: pages of 1,000 records, each 20 ms after it is asked for.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const [records = 1_000_000, waitMs = 20] = process.argv.slice(2).map(Number);
const size = 1000;

function pageAt(page: number): string {
  const first = (page - 1) * size;
  const count = Math.max(0, Math.min(size, records - first));
  const items = Array.from({ length: count }, (_, i) => {
    const id = first + i;
    return {
      id,
      name: `Order ${id}`,
      email: `buyer-${id % 5000}@example.com`,
      status: id % 3 === 0 ? 'open' : 'paid',
      total: (id * 1.07).toFixed(2),
      created_at: new Date(Date.UTC(2026, 0, 1) + id * 1000).toISOString(),
      address: { city: 'Berlin', zip: String(10_000 + (id % 90_000)) },
    };
  });
  return JSON.stringify({ data: items });
}

// All but the first record are the same in every page: what is measured is not the making of them.
const [head, tail] = pageAt(1).split('"id":0,') as [string, string];
const server = createServer((request, response) => {
  const page = Number(new URL(request.url!, 'http://x').searchParams.get('page'));
  const body = page * size <= records ? `${head}"id":${page * size},${tail}` : pageAt(page);
  setTimeout(() => {
    response
      .writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
      .end(body);
  }, waitMs);
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));
