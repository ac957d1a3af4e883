// `pipe serve`: runs the schedules of a folder until it is told to stop; health and figures over HTTP.
import { createServer, type Server } from 'node:http';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { RunEvent } from '../../engine/contracts/run.ts';
import { durationMs } from '../../engine/duration.ts';
import { createMetrics, type Metrics } from '../../engine/schedules/metrics.ts';
import type { Service, ServiceEvent } from '../../engine/schedules/service.ts';
import { withEngine } from '../engine.ts';
import { parse } from '../parse.ts';
import { painter } from '../print.ts';
import { jsonText } from '../tables.ts';

interface Options {
  listen?: { host: string; port: number };
  grace: number;
  log: 'plain' | 'json';
}

export async function command(argv: string[]): Promise<number> {
  const program = new Command('pipe serve')
    .description('Runs the schedules of pipe files and folders, until it is told to stop (SIGTERM, Ctrl-C).')
    .argument('[paths...]', 'pipe files, or folders with some; this folder, unless told')
    .option('--listen <address>', 'answer /health and /metrics at this address, such as 127.0.0.1:9464', address)
    .addOption(
      new Option('--grace <time>', 'how long runs may go on after it is told to stop')
        .argParser(duration)
        .default(30_000, '30s'),
    )
    .addOption(new Option('--log <style>', 'json: one event a line').choices(['plain', 'json']).default('plain'))
    .addHelpText('after', '\nExample: pipe serve pipes/ --listen 127.0.0.1:9464');
  const parsed = parse<Options>(program, argv);
  if (parsed.code !== undefined) return parsed.code;
  const { listen, grace, log } = parsed.options;
  const paths = parsed.args.length === 0 ? ['.'] : parsed.args;
  return withEngine(async (engine, signal) => {
    const metrics = createMetrics();
    const listener = log === 'json' ? (event: unknown) => void process.stderr.write(`${jsonText(event)}\n`) : tell;
    const service = await engine.schedules.service(paths, { listener, ended: metrics.ended });
    const server = listen === undefined ? undefined : await answer(listen, service, metrics);
    await service.start();
    await new Promise<void>((done) => {
      if (signal.aborted) done();
      signal.addEventListener('abort', () => done(), { once: true });
    });
    await service.stop(grace);
    server?.close();
    server?.closeAllConnections();
    return 0;
  });
}

async function answer(
  { host, port }: NonNullable<Options['listen']>,
  service: Service,
  metrics: Metrics,
): Promise<Server> {
  const server = createServer(({ url, method }, response) => {
    const send = (status: number, type: string, body: string) =>
      response.writeHead(status, { 'content-type': type }).end(method === 'HEAD' ? undefined : body);
    const path = url?.split('?')[0];
    const now = service.status();
    if (path === '/health') send(now.status === 'ok' ? 200 : 503, 'application/json', `${jsonText(now)}\n`);
    else if (path === '/metrics') send(200, 'text/plain; version=0.0.4; charset=utf-8', metrics.text(now.running));
    else send(404, 'text/plain', 'There are /health and /metrics.\n');
  });
  await new Promise<void>((done, reject) => server.once('error', reject).listen(port, host, done));
  const bound = server.address();
  if (bound !== null && typeof bound === 'object')
    process.stderr.write(`listening on http://${host.includes(':') ? `[${host}]` : host}:${bound.port}\n`);
  return server;
}

/** What a person reads: when runs begin and end, and what is wrong. */
function tell(event: ServiceEvent | RunEvent): void {
  const paint = painter(process.stderr);
  const say = (text: string) => void process.stderr.write(`${paint('dim', event.at.slice(0, 19))} ${text}\n`);
  switch (event.type) {
    case 'service.started':
    case 'service.changed':
      say(`${event.triggers} triggers of ${event.pipes} pipes`);
      return;
    case 'service.problem':
      say(`${paint('red', 'problem')} ${event.message}`);
      return;
    case 'service.stopping':
      say(`stopping; ${event.running} running`);
      return;
    case 'service.stopped':
      say('stopped');
      return;
    case 'tick.fired':
      say(`${event.pipe} for ${event.scheduled} begins: ${event.run}`);
      return;
    case 'tick.ended':
      say(
        `${event.pipe} for ${event.scheduled} ${event.status}${event.message === undefined ? '' : `: ${event.message}`}`,
      );
      return;
    case 'log':
      if (event.level === 'warn') say(`${paint('yellow', 'warning')} ${event.message}`);
  }
}

function address(text: string): { host: string; port: number } {
  const found = /^(?:\[([0-9a-f:]+)\]|([\w.-]+)):(\d{1,5})$/i.exec(text);
  if (found === null || Number(found[3]) > 65_535) throw new InvalidArgumentError('Write it as 127.0.0.1:9464.');
  return { host: (found[1] ?? found[2])!, port: Number(found[3]) };
}

function duration(text: string): number {
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) throw new InvalidArgumentError('Write it as 30s or 5m.');
  return durationMs(text);
}
