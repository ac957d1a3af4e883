// `pipe connections verify`: tries connections and remembers how that went.
import { Command, InvalidArgumentError, Option } from 'commander';
import type { ConnectionInfo } from '../../../engine/connection-info.ts';
import type { Connections } from '../../../engine/connections-api.ts';
import { statusLine } from '../../connection-text.ts';
import { withEngine } from '../../engine.ts';
import { parse } from '../../parse.ts';
import { painter } from '../../print.ts';
import { jsonText } from '../../tables.ts';

interface Options {
  all?: boolean;
  timeout: number;
  format: 'text' | 'json';
}

const atOnce = 8;

export async function command(argv: string[]): Promise<number> {
  const program = new Command('pipe connections verify')
    .description(
      'Tries saved connections by the cheapest exchange that shows whether they work, and remembers status, reason and time. Exits with 3 when one fails.',
    )
    .argument('[names...]', 'aliases or EIDs')
    .option('--all', 'all that are not disabled')
    .option('--timeout <seconds>', 'how long each may take', seconds, 15)
    .addOption(new Option('--format <format>', 'how to print them').choices(['text', 'json']).default('text'))
    .addHelpText('after', '\nExample: pipe connections verify --all --timeout 5');
  const parsed = parse<Options>(program, argv);
  if (parsed.code !== undefined) return parsed.code;
  const { all, timeout, format } = parsed.options;
  if ((parsed.args.length === 0) === (all !== true)) {
    process.stderr.write('Name the connections, or say --all.\n');
    return 2;
  }
  return withEngine(async (engine, signal) => {
    const names = all ? await everyName(engine.connections) : parsed.args;
    const paint = painter(process.stdout);
    const tried: ConnectionInfo[] = [];
    const waiting = [...names];
    const work = async () => {
      for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
        const info = await engine.connections.verify(name, { signal, timeoutMs: timeout * 1000 });
        tried.push(info);
        if (format === 'text') process.stdout.write(`${statusLine(info, paint)}\n`);
      }
    };
    await Promise.all(Array.from({ length: Math.min(atOnce, names.length) }, work));
    if (format === 'json') process.stdout.write(`${jsonText(tried, 2)}\n`);
    return tried.some(({ status }) => status === 'failing') ? 3 : 0;
  });
}

async function everyName(connections: Connections): Promise<string[]> {
  const names: string[] = [];
  for (let offset = 0; ; offset += 100) {
    const { connections: page, total } = await connections.list({ limit: 100, offset });
    for (const { name, status } of page) if (status !== 'disabled') names.push(name);
    if (offset + 100 >= total) return names;
  }
}

function seconds(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 3600)) throw new InvalidArgumentError('It must be a number of seconds up to 3600.');
  return value;
}
