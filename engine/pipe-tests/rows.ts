// All rows of a stream.
import type { Row, RowStream } from '../contracts/data.ts';

export async function collectRows({ batches }: RowStream): Promise<Row[]> {
  const all: Row[] = [];
  for await (const { rows } of batches) for (const row of rows) all.push({ ...row });
  return all;
}
