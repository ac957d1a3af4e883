#!/usr/bin/env node
// The command `pipe`: finds the verb and loads no more than it needs.
import { guardOutput } from './output.ts';
import { shortVerbs, verbs } from './verbs.ts';
import { version } from './version.ts';

async function main(argv: string[]): Promise<number> {
  const [given, ...rest] = argv;
  const verb = given === undefined ? undefined : (shortVerbs[given] ?? given);
  if (verb === '--version' || verb === '-V') {
    process.stdout.write(`${version()}\n`);
    return 0;
  }
  if (verb === undefined || verb === '--help' || verb === '-h' || verb === 'help') {
    const about = verb === 'help' ? verbs[rest[0] ?? ''] : undefined;
    if (about !== undefined) return (await about.load()).command(['--help']);
    (verb === undefined ? process.stderr : process.stdout).write(help());
    return verb === undefined ? 2 : 0;
  }
  const found = verbs[verb];
  if (found === undefined) {
    const { didYouMean } = await import('../engine/suggest.ts');
    process.stderr.write(
      `pipe: there is no command "${verb}"${didYouMean(verb, Object.keys(verbs))}\nSee \`pipe --help\`.\n`,
    );
    return 2;
  }
  return (await found.load()).command(rest);
}

function help(): string {
  const width = Math.max(...Object.keys(verbs).map((name) => name.length));
  const lines = Object.entries(verbs).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`);
  return `Usage: pipe COMMAND [options]

Runs pipes: YAML or JSON files that say what moves from where to where.

Commands:
${lines.join('\n')}

  pipe COMMAND --help   one command's options, with an example
  pipe --version        the version

Example: pipe run examples/quickstart/pipe.yaml
`;
}

guardOutput();
main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  async (error) => {
    const { printFailure } = await import('./print.ts');
    process.exitCode = printFailure(error);
  },
);
