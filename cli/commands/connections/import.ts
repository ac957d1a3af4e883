// `pipe connections import`: saves the connections of a file that `export` has made.
import { Command } from 'commander';
import type { ConnectionDefinition } from '../../../engine/connections.ts';
import { countDiagnostics, formatDiagnostics } from '../../../engine/diagnostics.ts';
import { failure } from '../../../engine/errors.ts';
import { loadBytes, loadFile } from '../../../engine/load.ts';
import { readAll } from '../../connection-input.ts';
import { withEngine } from '../../engine.ts';
import { parse } from '../../parse.ts';
import { colours } from '../../print.ts';

interface Options {
  project?: boolean;
  replace?: boolean;
}

export async function command(argv: string[]): Promise<number> {
  const program = new Command('pipe connections import')
    .description(
      'Saves the connections of a file: all of them, or none. Their secrets are given afterwards, with `edit`.',
    )
    .argument('<file>', 'what `pipe connections export` printed, or - for stdin')
    .option('--project', "save them in the project's pipewright.yaml, not among your own")
    .option('--replace', 'replace those that are there already')
    .addHelpText('after', '\nExample: pipe connections import connections.yaml --project');
  const parsed = parse<Options>(program, argv);
  if (parsed.code !== undefined) return parsed.code;
  const [file] = parsed.args as [string];
  const { project, replace = false } = parsed.options;
  return withEngine(async (engine, signal) => {
    const { source, diagnostics, line } =
      file === '-' ? await loadBytes(await readAll('connections'), '-') : await loadFile(file);
    if (source === undefined) {
      process.stderr.write(
        formatDiagnostics(diagnostics, { line: (_, number) => line(number), colour: colours(process.stderr) }),
      );
      throw failure('CONNECTIONS_INVALID', { count: countDiagnostics(diagnostics), file });
    }
    const { connections } = (source.value ?? {}) as { connections?: Record<string, ConnectionDefinition> };
    if (typeof connections !== 'object' || connections === null || Array.isArray(connections)) {
      throw failure('CONNECTION_INVALID', { reason: `${file} has no \`connections\` in it` });
    }
    const names = await engine.connections.import(
      { connections },
      { signal, replace, home: project ? 'project' : 'user' },
    );
    process.stderr.write(`${names.length === 1 ? 'imported' : `imported ${names.length}:`} ${names.join(', ')}\n`);
    return 0;
  });
}
