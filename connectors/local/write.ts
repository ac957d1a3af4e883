// Writes files so that each is there whole or not at all: temporary files first, then all of them take their places.
import type { WriteOptions, WriteReport } from '../../engine/contracts/connector.ts';
import type { FileStream } from '../../engine/contracts/data.ts';
import { createPool } from '../shared/pool.ts';
import { nameInFolder, sameName, severalFor } from '../shared/target-names.ts';
import type { Places } from './place.ts';
import type { Staged } from './staged.ts';
import { createStaging } from './staging.ts';

/** Files that can be read in any order are written so many at a time; Node has four threads for the disk. */
const atOnce = 4;

/** A path that ends in `/`, or is empty, is a folder that takes each file under its own name. */
export async function writeFiles(
  places: Places,
  path: string,
  stream: FileStream,
  o: WriteOptions,
  cleaned: Map<string, boolean>,
): Promise<WriteReport> {
  const intoFolder = path === '' || path.endsWith('/');
  const failed = new AbortController();
  const staging = createStaging(places, o, AbortSignal.any([o.signal, failed.signal]), cleaned);
  const pool = createPool(o.parts?.atOnce ?? atOnce);
  const targets = new Set<string>();
  const paths: string[] = [];
  let bytes = 0;
  const onBytes = (count: number) => {
    bytes += count;
    o.onProgress?.({ bytes });
  };
  try {
    for await (const item of stream.files) {
      o.signal.throwIfAborted();
      const place = places.at(intoFolder ? path + nameInFolder(item, path) : path);
      if (!intoFolder && paths.length > 0) throw severalFor(place.shown);
      const file: Staged = await staging.begin(place);
      if (targets.has(file.target)) throw sameName(place.shown);
      targets.add(file.target);
      paths.push(place.shown);
      if (item.once) {
        const seal = await staging.pour(file, item, onBytes);
        await pool.add(seal);
      } else {
        await pool.add(async () => (await staging.pour(file, item, onBytes))());
      }
    }
    await pool.drained();
    await o.beforeCommit();
    o.signal.throwIfAborted();
    await staging.commit();
    return { bytes, paths };
  } catch (error) {
    failed.abort(error);
    await pool.drained().catch(() => {});
    await staging.discard(error);
    throw o.signal.aborted ? o.signal.reason : error;
  }
}
