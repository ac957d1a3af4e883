// Agents of the HTTP client whose sockets may end while a body waits to be read.
import type { Socket } from 'node:net';
import { Agent, buildConnector } from 'undici';

type Options = Omit<Agent.Options, 'connect'> & { connect?: buildConnector.BuildOptions };

/** What is asked of the client's parser of one connection, which it keeps to itself. */
interface Parser {
  paused: boolean;
  resume(): void;
  finish(): Error | null;
}

export function createAgent({ connect = {}, ...options }: Options): Agent {
  const dial = buildConnector(connect);
  return new Agent({
    ...options,
    connect: (to, callback) =>
      dial(to, (...[error, socket]) => {
        if (error !== null) return callback(error, null);
        guard(socket);
        callback(null, socket);
      }),
  });
}

/**
 * A body that is read slower than it comes stops the parser. In undici 7 the end of the socket then fails an assertion,
 * which nobody can catch and which ends the process (nodejs/undici#5360, mended in 8 only, which wants Node 22).
 */
function guard(socket: Socket): void {
  socket.on('end', () => {
    const parser = parserOf(socket);
    if (parser?.paused) parser.resume();
    fail(socket);
  });
  socket.on('error', () => fail(socket));
  socket.on('close', () => fail(socket));
}

/** What had not been parsed when the connection went is lost: the body was cut. */
function fail(socket: Socket): void {
  const parser = parserOf(socket);
  if (parser?.paused) parser.finish = () => new Error('the other side closed the connection');
}

function parserOf(socket: Socket): Parser | undefined {
  const key = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'parser');
  return key && ((socket as unknown as Record<symbol, Parser | null>)[key] ?? undefined);
}
