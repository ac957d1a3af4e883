// `pipe connections disable`, `enable` and `default`: one word about one connection.
import { Command } from 'commander';
import type { ConnectionInfo } from '../../../engine/connection-info.ts';
import type { Engine } from '../../../index.ts';
import { withEngine } from '../../engine.ts';
import { parse } from '../../parse.ts';

interface Switch {
  action: string;
  description: string;
  done(engine: Engine, name: string, signal: AbortSignal): Promise<ConnectionInfo>;
  said(info: ConnectionInfo): string;
}

export const disable = switchCommand({
  action: 'disable',
  description: 'Makes a saved connection refuse every use, until it is enabled again.',
  done: (engine, name, signal) => engine.connections.disable(name, { signal }),
  said: ({ name }) => `${name} is disabled; \`pipe connections enable ${name}\` makes it usable again`,
});

export const enable = switchCommand({
  action: 'enable',
  description: 'Makes a disabled connection usable again.',
  done: (engine, name, signal) => engine.connections.enable(name, { signal }),
  said: ({ name }) => `${name} is usable again`,
});

export const makeDefault = switchCommand({
  action: 'default',
  description: 'Makes a saved connection the one that is meant where a pipe names only its connector.',
  done: (engine, name, signal) => engine.connections.setDefault(name, { signal }),
  said: ({ name, connector }) => `${name} is the default of ${connector}: /${connector}/… means it`,
});

function switchCommand({ action, description, done, said }: Switch): { command(argv: string[]): Promise<number> } {
  return {
    async command(argv) {
      const program = new Command(`pipe connections ${action}`)
        .description(description)
        .argument('<name>', 'alias or EID')
        .addHelpText('after', `\nExample: pipe connections ${action} shop`);
      const parsed = parse(program, argv);
      if (parsed.code !== undefined) return parsed.code;
      return withEngine(async (engine, signal) => {
        process.stderr.write(`${said(await done(engine, parsed.args[0]!, signal))}\n`);
        return 0;
      });
    },
  };
}
