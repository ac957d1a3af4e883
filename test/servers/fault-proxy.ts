// A TCP proxy that does to a connection what networks do: cuts, resets, stalls, goes silent, or gives a byte at a time.
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface Fault {
  /** After so many bytes that way; at once without it, before anything is forwarded. */
  afterSent?: number;
  afterReceived?: number;
  /** `cut` closes both sides, `reset` with RST, `silent` forwards nothing more, `stall` nothing for `stallMs`, `slow` one byte at a time. */
  kind: 'cut' | 'reset' | 'silent' | 'stall' | 'slow';
  stallMs?: number;
  /** How many connections have it; all without it. */
  times?: number;
}

export interface FaultProxy {
  port: number;
  /** What happens to connections from now on. */
  fault: Fault | undefined;
  /** Connections so far. */
  connections: number;
  /** Bytes that went to the server and came from it. */
  sent: number;
  received: number;
  close(): Promise<void>;
}

/** Clients connect to `port` on 127.0.0.1; the server is at `target` there. */
export async function startFaultProxy(target: number): Promise<FaultProxy> {
  const sockets = new Set<Socket>();
  const track = (socket: Socket) => {
    sockets.add(socket);
    socket.setNoDelay(true).on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
    return socket;
  };
  const server = createServer((accepted) => {
    const client = track(accepted);
    proxy.connections += 1;
    const fault = proxy.fault;
    const mine =
      fault !== undefined && (fault.times === undefined || proxy.connections <= fault.times) ? fault : undefined;
    const upstream = track(connect({ host: '127.0.0.1', port: target }));
    client.once('close', () => upstream.destroy());
    upstream.once('close', () => client.destroy());
    forward(client, upstream, mine);
  });

  function forward(client: Socket, upstream: Socket, fault: Fault | undefined): void {
    const moved = { sent: 0, received: 0 };
    let silent = false;
    let stalledUntil: Promise<void> | undefined;
    let struck = false;
    const strikes = () =>
      fault !== undefined &&
      (fault.afterSent !== undefined
        ? moved.sent > fault.afterSent
        : fault.afterReceived === undefined || moved.received > fault.afterReceived);
    const strike = () => {
      if (struck || !strikes()) return;
      struck = true;
      if (fault!.kind === 'cut') for (const each of [client, upstream]) each.destroy();
      if (fault!.kind === 'reset') for (const each of [client, upstream]) each.resetAndDestroy();
      if (fault!.kind === 'silent') silent = true;
      if (fault!.kind === 'stall') stalledUntil = new Promise((resolve) => setTimeout(resolve, fault!.stallMs ?? 2000));
    };
    const pump = async (from: Socket, to: Socket, way: 'sent' | 'received') => {
      for await (const chunk of from as AsyncIterable<Buffer>) {
        moved[way] += chunk.length;
        proxy[way] += chunk.length;
        strike();
        if (silent) continue;
        await stalledUntil;
        if (struck && fault?.kind === 'slow') await byteByByte(to, chunk);
        else if (!to.write(chunk)) await new Promise((resolve) => to.once('drain', resolve).once('close', resolve));
      }
      if (!silent) to.end();
    };
    if (fault !== undefined && fault.afterSent === undefined && fault.afterReceived === undefined) strike();
    for (const work of [pump(client, upstream, 'sent'), pump(upstream, client, 'received')]) work.catch(() => {});
  }

  async function byteByByte(to: Socket, chunk: Buffer): Promise<void> {
    for (const byte of chunk) {
      to.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy: FaultProxy = {
    port: (server.address() as AddressInfo).port,
    fault: undefined,
    connections: 0,
    sent: 0,
    received: 0,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
  return proxy;
}
