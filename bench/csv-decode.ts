// Decoding CSV to rows, ours against csv-parse, in one process and in turn: plain, all quoted, and with other alphabets.
import { readFileSync } from 'node:fs';
import { parse } from 'csv-parse';
import { csv } from '../pipes/formats/csv.ts';
import { lineitem } from './lineitem.ts';
import { median } from './measure.ts';

const megabytes = 30;
const chunkBytes = 256 * 1024;

/** Prints rows and bytes a second of each, medians of so many rounds, and the ratio. */
export async function benchCsvDecode(rounds: number): Promise<void> {
  const plain = readFileSync(lineitem(megabytes), 'utf8');
  const inputs = {
    plain,
    quoted: plain.replace(/[^,\n]+/g, '"$&"'),
    alphabets: plain.replaceAll('furiously', 'Œuvre').replaceAll('accounts', '東京都'),
  };
  const decoders = { ours, 'csv-parse': theirs };
  for (const [what, text] of Object.entries(inputs)) {
    const bytes = Buffer.from(text);
    const seconds: Record<string, number[]> = Object.fromEntries(Object.keys(decoders).map((name) => [name, []]));
    let rows = 0;
    for (let round = 0; round < rounds; round++) {
      for (const [name, decode] of Object.entries(decoders)) {
        const started = performance.now();
        rows = await decode(bytes);
        seconds[name]!.push((performance.now() - started) / 1000);
      }
    }
    console.log(`\n${what}: ${rows} rows, ${(bytes.length / 1e6).toFixed(0)} MB, median of ${rounds}`);
    for (const [name, runs] of Object.entries(seconds)) {
      const each = median(runs);
      const speed = `${Math.round(rows / each / 1000)} k rows/s`.padStart(14);
      console.log(`  ${name.padEnd(10)} ${speed} ${(bytes.length / 1e6 / each).toFixed(0).padStart(5)} MB/s`);
    }
    const [own = [], other = []] = Object.values(seconds);
    console.log(`  ours is ${median(other.map((each, round) => each / own[round]!)).toFixed(1)} times as fast`);
  }
}

async function ours(bytes: Buffer): Promise<number> {
  const context = { signal: new AbortController().signal, path: 'lineitem.csv' };
  const { batches } = await csv.decode(chunks(bytes), { name: 'csv' }, context);
  let rows = 0;
  for await (const batch of batches) rows += batch.rows.length;
  return rows;
}

async function theirs(bytes: Buffer): Promise<number> {
  const parser = parse({ columns: true });
  const fed = (async () => {
    for await (const chunk of chunks(bytes)) {
      if (!parser.write(chunk)) await new Promise((resolve) => parser.once('drain', resolve));
    }
    parser.end();
  })();
  let rows = 0;
  for await (const _ of parser) rows++;
  await fed;
  return rows;
}

async function* chunks(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}
