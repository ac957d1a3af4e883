// `pipe runs retry` and `pipe runs replay`: a run of the history once more.
import { Command, Option } from 'commander';
import { failure } from '../../engine/errors.ts';
import { type FollowOptions, follow } from '../follow.ts';
import { writeData } from '../output.ts';
import { collectParam, parse } from '../parse.ts';

interface Options extends FollowOptions {
  param: Record<string, string>;
  restart?: boolean;
  current?: boolean;
}

function again(name: string): Command {
  return new Command(`pipe runs ${name}`)
    .argument('[id]', 'the id of the run, or last', 'last')
    .option('-p, --param <name=value>', 'a value for a parameter, over the recorded one', collectParam, {})
    .addOption(new Option('--log <style>', 'json: one event a line').choices(['auto', 'plain', 'json']).default('auto'))
    .addOption(new Option('--report <style>', 'print the report of the run to stderr at the end').choices(['json']))
    .option('-q, --quiet', 'warnings and errors only');
}

export async function retry(argv: string[]): Promise<number> {
  const program = again('retry')
    .description('Goes on with a run that failed or died: what is done stays done. Secret parameters are given again.')
    .option('--restart', 'begin anew with the file as it is now; what it wrote stays')
    .addHelpText('after', '\nExample: pipe runs retry last -p token=…');
  const parsed = parse<Options>(program, argv);
  if (parsed.code !== undefined) return parsed.code;
  const { param: texts, restart, ...shown } = parsed.options;
  const id = parsed.args[0] ?? 'last';
  return follow(async (engine, signal) => {
    const how = restart === true ? { restart } : {};
    return engine.runs.retry(id, { texts, ...how, signal, stdout: writeData, stdin: noStdin });
  }, shown);
}

export async function replay(argv: string[]): Promise<number> {
  const program = again('replay')
    .description('Does a run anew: its definition as it was, its parameters. Secret parameters are given again.')
    .option('--current', 'the pipe file as it is now')
    .addHelpText('after', '\nExample: pipe runs replay run-0f3a9c2b7d41 --current');
  const parsed = parse<Options>(program, argv);
  if (parsed.code !== undefined) return parsed.code;
  const { param: texts, current, ...shown } = parsed.options;
  const id = parsed.args[0] ?? 'last';
  return follow(async (engine, signal) => {
    const how = current === true ? { current } : {};
    return engine.runs.replay(id, { texts, ...how, signal, stdout: writeData, stdin: () => process.stdin });
  }, shown);
}

function noStdin(): AsyncIterable<Uint8Array> {
  const hint = '; what came in then is gone; run the pipe anew';
  throw failure('OPTION_UNSUPPORTED', { what: 'reading from -', where: 'a run that is gone on with', hint });
}
