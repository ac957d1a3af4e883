// Servers that tell what they were sent, hang or break off.
import { createServer, type Server, type Socket } from 'node:net';
import { type HttpServer, startHttpServer } from '../../test/servers/http.ts';

export interface Hostile {
  http: HttpServer;
  /** Ports: one answers every byte with itself, one says nothing, one breaks off. */
  echo: number;
  silent: number;
  cutting: number;
  close(): Promise<void>;
}

export async function startHostile(): Promise<Hostile> {
  const http = await startHttpServer();
  http.otherwise(async (request, response, received) => {
    const { headers, url = '' } = request;
    if (url.startsWith('/hang')) return;
    if (url.startsWith('/cut')) {
      response.socket?.destroy();
      return;
    }
    if (url.startsWith('/json/')) {
      response.writeHead(200, { 'content-type': 'application/json' }).end(decodeURIComponent(url.split('/')[2]!));
      return;
    }
    if (url.startsWith('/ok')) {
      response.writeHead(200, { 'content-type': 'text/csv' }).end('id,name\n1,a\n');
      return;
    }
    // A server that says in its answer what it was sent, in every way it can think of.
    const sent = String(headers.authorization ?? '').replace(/^\w+ /, '');
    const decoded = Buffer.from(sent, 'base64').toString();
    const body = String(await received.body.catch(() => ''));
    if (url.endsWith('/token')) {
      const told = {
        error: 'invalid_client',
        error_description: `${decodeURIComponent(body.replaceAll('+', ' '))} ${sent}`,
      };
      response.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify(told));
      return;
    }
    const told = [
      body,
      url,
      decodeURIComponent(url.replace(/%(?![0-9a-f]{2})/gi, '%25')),
      JSON.stringify(headers),
      sent,
      decoded,
      decoded.replace(/^[^:]*:/, ''),
      Buffer.from(sent).toString('base64'),
    ];
    response
      .writeHead(401, {
        'content-type': 'text/plain; charset=utf-8',
        'www-authenticate': `Bearer error="${encodeURIComponent(sent)}"`,
      })
      .end(told.join('\n'));
  });
  const sockets = new Set<Socket>();
  const listening: Server[] = [];
  const listen = async (connected: (socket: Socket) => void): Promise<number> => {
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {}).on('close', () => sockets.delete(socket));
      connected(socket);
    });
    listening.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as { port: number }).port;
  };
  return {
    http,
    echo: await listen((socket) => socket.pipe(socket)),
    silent: await listen(() => {}),
    cutting: await listen((socket) => socket.once('data', () => socket.destroy())),
    async close() {
      for (const socket of sockets) socket.destroy();
      await Promise.all([http.close(), ...listening.map((server) => new Promise((resolve) => server.close(resolve)))]);
    },
  };
}
