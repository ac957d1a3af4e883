// Makes CSV files like TPC-H's lineitem: 16 columns, about 130 bytes a row, the same for the same size.
import { closeSync, existsSync, mkdirSync, openSync, renameSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, '..', '.bench');
const header =
  'l_orderkey,l_partkey,l_suppkey,l_linenumber,l_quantity,l_extendedprice,l_discount,l_tax,l_returnflag,l_linestatus,l_shipdate,l_commitdate,l_receiptdate,l_shipinstruct,l_shipmode,l_comment\n';
const instructions = ['DELIVER IN PERSON', 'COLLECT COD', 'NONE', 'TAKE BACK RETURN'];
const modes = ['REG AIR', 'AIR', 'RAIL', 'SHIP', 'TRUCK', 'MAIL', 'FOB'];
const words = 'furiously bold ideas sleep above quick accounts nag along the final packages wake'.split(' ');

/** The path of a file in the bench's own folder. */
export function benchPath(name: string): string {
  mkdirSync(folder, { recursive: true });
  return join(folder, name);
}

/** Makes the file if it is not there yet; gives its path. `megabytes` is reached within one part in a hundred. */
export function lineitem(megabytes: number): string {
  const path = benchPath(`lineitem-${megabytes}.csv`);
  if (existsSync(path) && statSync(path).size >= megabytes * 1e6) return path;
  return make(path, (_, written) => written < megabytes * 1e6);
}

/** The same rows, of a number instead of a size. */
export function lineitemRows(rows: number): string {
  const path = benchPath(`lineitem-${rows}-rows.csv`);
  return existsSync(path) ? path : make(path, (made) => made < rows);
}

function make(path: string, goesOn: (rows: number, written: number) => boolean): string {
  const random = generator(42);
  const days = Array.from({ length: 2600 }, (_, day) =>
    new Date(Date.UTC(1992, 0, 1) + day * 86_400_000).toISOString().slice(0, 10),
  );
  const pick = <T>(from: readonly T[]): T => from[random(from.length)]!;
  const file = openSync(`${path}.part`, 'w');
  let written = 0;
  let text = header;
  for (let key = 1; goesOn(key - 1, written); key++) {
    const quantity = 1 + random(50);
    const day = random(2500);
    const price = ((quantity * (90_000 + random(100_000))) / 100).toFixed(2);
    text += `${key},${random(200_000)},${random(10_000)},${1 + random(7)},${quantity},${price},${(random(11) / 100).toFixed(2)},${(random(9) / 100).toFixed(2)},${'RAN'[random(3)]},${'OF'[random(2)]},${days[day]},${days[day + 30]},${days[day + 60]},${pick(instructions)},${pick(modes)},${pick(words)} ${pick(words)} ${pick(words)} ${pick(words)}\n`;
    if (text.length > 1_000_000) {
      writeSync(file, text);
      written += text.length;
      text = '';
    }
  }
  writeSync(file, text);
  closeSync(file);
  renameSync(`${path}.part`, path);
  return path;
}

/** Whole numbers below a bound, always the same ones. Constants of Numerical Recipes' linear congruential generator. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 4_294_967_296) * below);
  };
}
