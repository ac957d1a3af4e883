// `pipe test`: runs the tests of pipe files, without network.
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { asFailure, failure } from '../../engine/errors.ts';
import { nearest } from '../../engine/suggest.ts';
import type { TestReport } from '../../index.ts';
import { withEngine } from '../engine.ts';
import { parse } from '../parse.ts';
import { formatSeconds } from '../print.ts';
import { summaryLine, testText } from '../test-text.ts';

interface Options {
  filter?: string;
  format: 'text' | 'json';
}

export async function command(argv: string[]): Promise<number> {
  const program = new Command('pipe test')
    .description('Runs the tests of pipe files: given inputs, expected outputs, recorded HTTP, no network.')
    .argument('<path...>', 'pipe files, or folders in which every pipe file that has tests is taken')
    .option('--filter <text>', 'only tests whose name has this in it')
    .addOption(new Option('--format <format>', 'how to print the results').choices(['text', 'json']).default('text'))
    .addHelpText('after', '\nExample: pipe test pipes/ --filter refunds\nExits with 1 when a test failed.');
  const parsed = parse<Options>(program, argv);
  if (parsed.code !== undefined) return parsed.code;
  const { filter, format } = parsed.options;

  return withEngine(
    async (engine, signal) => {
      const started = performance.now();
      const reports: (TestReport & { file: string })[] = [];
      for (const file of await filesOf(parsed.args)) {
        const report = { file, ...(await engine.test(file, { signal, ...(filter === undefined ? {} : { filter }) })) };
        if (report.tests.length > 0) reports.push(report);
        if (format === 'text') process.stdout.write(testText([report], process.stdout));
      }
      const tests = reports.flatMap((report) => report.tests);
      if (tests.length === 0) {
        const what = filter === undefined ? '' : ` with "${filter}" in its name`;
        process.stderr.write(`pipe test: there is no test${what} in ${parsed.args.join(', ')}\n`);
        return 2;
      }
      const failed = tests.some(({ status }) => status === 'failed');
      if (format === 'json') process.stdout.write(`${JSON.stringify(reports, undefined, 2)}\n`);
      else process.stderr.write(`${summaryLine(tests, formatSeconds((performance.now() - started) / 1000))}\n`);
      return failed ? 1 : 0;
    },
    { state: 'none' },
  );
}

/** Files as they are named; of folders, the pipe files in them and below that have tests. */
async function filesOf(paths: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  for (const path of paths) {
    const found = await stat(path).catch(async (error: unknown) => {
      throw (error as NodeJS.ErrnoException).code === 'ENOENT'
        ? failure('NOT_FOUND', { path, hint: await nearHint(path) })
        : asFailure(error, path);
    });
    if (!found.isDirectory()) files.push(path);
    else for await (const file of below(path)) files.push(file);
  }
  return [...new Set(files)];
}

async function nearHint(path: string): Promise<string> {
  const [near] = nearest(path, await readdir('.').catch(() => []));
  return near === undefined ? '' : `; did you mean "${near}"?`;
}

async function* below(folder: string): AsyncGenerator<string> {
  const entries = await readdir(folder, { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.name.startsWith('.') || entry.name === 'node_modules') continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* below(path);
    else if (/\.(ya?ml|json)$/i.test(entry.name) && (await hasTests(path))) yield path;
  }
}

/** Told by its text: whether the file can be read at all is for the one that has tests to say. */
async function hasTests(file: string): Promise<boolean> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return /^(?:tests\s*:|\s*"tests"\s*:)/m.test(text) && /^\s*"?tasks"?\s*:/m.test(text);
}
