// Commander with our manners: usage errors exit with 2, help with 0, and nothing calls process.exit.
import { type Command, CommanderError, InvalidArgumentError } from 'commander';

export interface Parsed<Options> {
  args: string[];
  options: Options;
  /** Set when there is nothing more to do: help was shown, or the usage was wrong. */
  code?: number;
}

export function parse<Options>(program: Command, argv: string[]): Parsed<Options> {
  program.exitOverride().showHelpAfterError(`See \`${program.name()} --help\`.`);
  try {
    program.parse(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return { args: [], options: {} as Options, code: error.exitCode === 0 ? 0 : 2 };
  }
  return { args: program.args, options: program.opts() as Options };
}

/** For `-p name=value`, given several times. */
export function collectParam(text: string, before: Record<string, string>): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('Write it as name=value.');
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}
