// `pipe connections login`: a person allows the access, and the tokens go into a credential store.
import { spawn } from 'node:child_process';
import { Command, InvalidArgumentError } from 'commander';
import { statusLine } from '../../connection-text.ts';
import { canAsk, tellingWhere, withEngine } from '../../engine.ts';
import { parse } from '../../parse.ts';
import { painter } from '../../print.ts';

interface Options {
  device?: boolean;
  browser: boolean;
  port?: number;
  verify: boolean;
}

export async function command(argv: string[]): Promise<number> {
  const program = new Command('pipe connections login')
    .description(
      'Signs in to a service that uses OAuth: opens the browser, and keeps the tokens in a credential store.',
    )
    .argument('<name>', 'its alias or EID')
    .option('--device', 'with a code to type on any device, where the service can')
    .option('--no-browser', 'print the address, and ask for the one that the browser ends up at')
    .option('--port <port>', 'the port that the browser comes back to, where the service wants to know it', portOf)
    .option('--no-verify', 'do not try it')
    .addHelpText('after', '\nExample: pipe connections login my-github --device');
  const parsed = parse<Options>(program, argv);
  if (parsed.code !== undefined) return parsed.code;
  const { device, browser, port, verify } = parsed.options;
  const [name] = parsed.args;
  const paste = !browser && device !== true;
  if (paste && !canAsk()) {
    process.stderr.write('--no-browser asks for an address, and nobody is there to answer; use --device.\n');
    return 2;
  }
  return withEngine(async (engine, signal) => {
    const paint = painter(process.stderr);
    const { keptIn } = await engine.connections.login(name!, {
      signal,
      ...(device === undefined ? {} : { device }),
      ...(port === undefined ? {} : { port }),
      show({ url, code }) {
        if (code !== undefined) process.stderr.write(`Open ${url} and type the code ${paint('bold', code)}\n`);
        else if (paste || !openInBrowser(url)) process.stderr.write(`Open this address:\n\n  ${url}\n\n`);
        else process.stderr.write(`Your browser opens. Where it does not, open this address:\n\n  ${url}\n\n`);
      },
      ...(paste ? { paste: askAddress } : {}),
    });
    process.stderr.write(`signed in; the tokens are in ${keptIn}\n`);
    if (!verify) return 0;
    const tried = await engine.connections.verify(name!, { signal });
    process.stderr.write(`${statusLine(tried, paint)}\n`);
    return tried.status === 'failing' ? 3 : 0;
  }, tellingWhere);
}

async function askAddress(): Promise<string> {
  const { askText } = await import('../../prompts.ts');
  return askText('The address that the browser shows at the end (it begins with http://127.0.0.1)', { required: true });
}

/** False where there is no screen to show a browser on. */
function openInBrowser(url: string): boolean {
  const { platform, env } = process;
  if (platform !== 'darwin' && platform !== 'win32' && !env.DISPLAY && !env.WAYLAND_DISPLAY && !env.BROWSER)
    return false;
  const [program, ...args] =
    platform === 'darwin'
      ? ['open', url]
      : platform === 'win32'
        ? ['rundll32', 'url.dll,FileProtocolHandler', url]
        : [env.BROWSER || 'xdg-open', url];
  const child = spawn(program!, args, { stdio: 'ignore', detached: true });
  // The address stands in the terminal too.
  child.on('error', () => {});
  child.unref();
  return true;
}

function portOf(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new InvalidArgumentError('It must be a port, 1 to 65535.');
  return port;
}
