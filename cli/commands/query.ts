// `pipe query`: the rows of a SQL statement, in a transaction that can only read.
import { Command } from 'commander';
import { withEngine } from '../engine.ts';
import { parse } from '../parse.ts';
import { printRows, type RowOptions, rowOptions } from '../row-output.ts';

const collect = (text: string, before: string[]) => [...before, text];

export async function command(argv: string[]): Promise<number> {
  const program = rowOptions(
    new Command('pipe query')
      .description('Runs a SQL statement in a read-only transaction and shows its rows; says when there are more.')
      .argument('<connection>', 'alias or EID of a database')
      .argument('<sql>', 'the statement'),
    100,
  )
    .option('--parameter <value>', 'a value for $1, $2, … (or ?), as text; several times', collect, [])
    .addHelpText('after', "\nExample: pipe query shop 'select * from orders where total > $1' --parameter 100");
  const parsed = parse<RowOptions & { parameter: string[] }>(program, argv);
  if (parsed.code !== undefined) return parsed.code;
  const [connection, sql] = parsed.args as [string, string];
  const { limit, format, parameter } = parsed.options;
  return withEngine(async (engine, signal) => {
    const parameters = parameter.length === 0 ? {} : { parameters: parameter };
    await printRows(await engine.connections.query(connection, sql, { limit, signal, ...parameters }), format);
    return 0;
  });
}
