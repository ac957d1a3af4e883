// `pipe types`: TypeScript types for embedded use, from the project's pipes and what they read.
import { writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { exitCode, systemFailure } from '../../engine/errors.ts';
import { withEngine } from '../engine.ts';
import { parse } from '../parse.ts';
import { painter } from '../print.ts';

export async function command(argv: string[]): Promise<number> {
  const program = new Command('pipe types')
    .description(
      "Writes TypeScript types: the params of the project's pipes, and the rows of the tables, resources and files that they read.",
    )
    .option('--out <file>', 'where to; - for stdout', 'pipewright.d.ts')
    .option('--offline', 'only what needs no network')
    .addHelpText('after', '\nExample: pipe types --out src/pipewright.d.ts');
  const parsed = parse<{ out: string; offline?: boolean }>(program, argv);
  if (parsed.code !== undefined) return parsed.code;
  const { out, offline = false } = parsed.options;
  return withEngine(async (engine, signal) => {
    const { text, failures } = await engine.types({ offline, signal });
    const paint = painter(process.stderr);
    for (const { path, failure } of failures)
      process.stderr.write(`${paint('yellow', 'warning')} no types for ${path}: ${failure.message}\n`);
    if (out === '-') process.stdout.write(text);
    else {
      await writeFile(out, text).catch((error) => {
        throw systemFailure(error, out) ?? error;
      });
      process.stderr.write(`wrote ${out}\n`);
    }
    return failures.length === 0 ? 0 : exitCode(failures[0]!.failure);
  });
}
