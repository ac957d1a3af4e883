// What the credentials file stands: many writers at once, kill -9 during writes, damage at any byte. Prints a table.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createFileStore } from '../engine/credentials/file.ts';
import { Failure } from '../engine/errors.ts';
import { credentialOf, revealed } from '../engine/secret.ts';

export interface Outcome {
  what: string;
  /** What was tried, and how often it did not hold. */
  tried: number;
  failed: string[];
  seconds: number;
  note: string;
}

const script = fileURLToPath(import.meta.url);
const o = { signal: new AbortController().signal };
setMaxListeners(0, o.signal);

interface Place {
  path: string;
  environment: { PIPE_PASSPHRASE: string };
  cost: number;
}

const open = (place: Place) => createFileStore(place);

/** `processes` write `each` credentials into one file at the same time; then all must be there, with their values. */
export function manyWriters({
  processes,
  each,
  cost,
}: {
  processes: number;
  each: number;
  cost: number;
}): Promise<Outcome> {
  return measured(`${processes} processes × ${each} credentials, one put after the other`, cost, async (place) => {
    const workers = Array.from({ length: processes }, (_, i) =>
      startWorker(place, 'fill', `writer-${i}`, String(each)),
    );
    const lines = workers.map(linesOf);
    // All derive their key first and start together.
    for (const worker of lines) await worker.next();
    for (const worker of workers) worker.stdin!.write('go\n');
    const started = performance.now();
    await Promise.all(workers.map(ended));
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    const store = open(place);
    const failed: string[] = [];
    const names = new Set<string>();
    for await (const name of store.names(o)) names.add(name);
    for (let i = 0; i < processes; i += 1) {
      for (let n = 0; n < each; n += 1) {
        const name = `writer-${i}-${n}`;
        const found = await store.get(name, o);
        if (!names.has(name) || found === undefined) failed.push(`${name} is missing`);
        else if (revealed(found.fields).password !== name) failed.push(`${name} has another's value`);
      }
    }
    const { size } = await stat(place.path);
    return {
      tried: processes * each,
      failed,
      note: `${seconds} s of it writing; ${names.size} kept, ${Math.round(size / 1024)} KB`,
    };
  });
}

/**
 * A writer counts up in one credential and says each number when its put has returned; it is killed at a random moment,
 * `kills` times, several writers in turn on each of `lanes` files. Then the number kept must be the last it said, or the
 * next, both fields the same, the other credentials as before, and the next writer must go on from there.
 */
export function killedWriters({
  kills,
  lanes,
  cost,
}: {
  kills: number;
  lanes: number;
  cost: number;
}): Promise<Outcome> {
  return measured(`kill -9 during writes, ${lanes} files`, cost, async (place) => {
    const failed: string[] = [];
    let duringWrite = 0;
    let puts = 0;
    let newer = 0;
    await Promise.all(
      Array.from({ length: lanes }, async (_, lane) => {
        const own = { ...place, path: `${place.path}-${lane}` };
        const store = open(own);
        for (let i = 0; i < 20; i += 1) await store.put(`bystander-${i}`, credentialOf({ password: `value ${i}` }), o);
        let last = 0;
        for (let i = lane; i < kills; i += lanes) {
          const worker = startWorker(own, 'count', 'counter', String(last));
          let said = last;
          const wanted = last + randomInt(1, 12);
          for await (const line of linesOf(worker)) {
            said = Number(line);
            if (said === wanted) setTimeout(() => worker.kill('SIGKILL'), Math.random() * 8);
          }
          await new Promise((resolve) =>
            worker.exitCode === null && worker.signalCode === null ? worker.once('exit', resolve) : resolve(0),
          );
          if (worker.signalCode !== 'SIGKILL') failed.push(`a writer ended by itself, ${worker.exitCode}`);
          if (await leftovers(own)) duringWrite += 1;
          try {
            const fields = revealed((await open(own).get('counter', o))!.fields);
            const kept = Number(fields.a);
            if (kept !== said && kept !== said + 1) failed.push(`${said} was said and ${kept} is kept`);
            if (fields.a !== fields.b) failed.push(`half of ${fields.a} and half of ${fields.b} is kept`);
            if (kept > said) newer += 1;
            puts += kept - last;
            last = kept;
            for (let b = 0; b < 20; b += 1) {
              const found = await store.get(`bystander-${b}`, o);
              if (found === undefined || revealed(found.fields).password !== `value ${b}`)
                failed.push(`bystander-${b} is gone`);
            }
          } catch (error) {
            failed.push(String(error));
          }
        }
        await store.put('after', credentialOf({ password: 'x' }), o);
        if (await leftovers(own)) failed.push('the last writer left files of killed ones behind');
      }),
    );
    return {
      tried: kills,
      failed,
      note: `${puts} puts, ${duringWrite} killed in the middle of one, ${newer} kept the new state`,
    };
  });
}

/** Flips one bit at each of `offsets` random places, all of the header and all of the tag; cuts off and adds bytes. */
export function damagedFiles({
  credentials,
  offsets,
  cost,
}: {
  credentials: number;
  offsets: number;
  cost: number;
}): Promise<Outcome> {
  return measured(`a flipped bit, a missing end, an added byte, ${credentials} credentials`, cost, async (place) => {
    const store = open(place);
    const names = Array.from({ length: credentials }, (_, i) => `db-${i}`);
    await Promise.all(names.map((name) => store.put(name, credentialOf({ password: name }), o)));
    const good = await readFile(place.path);
    const failed: string[] = [];
    const codes = new Map<string, number>();
    const refused = async (bytes: Buffer, what: string) => {
      await writeFile(place.path, bytes, { mode: 0o600 });
      try {
        await open(place).get('db-0', o);
        failed.push(`${what}: read as if nothing were wrong`);
      } catch (error) {
        const code = error instanceof Failure ? error.code : String(error);
        codes.set(code, (codes.get(code) ?? 0) + 1);
        if (code !== 'STORE_CORRUPT') failed.push(`${what}: ${code}`);
      }
    };
    const places = new Set<number>();
    for (let i = 0; i < 64; i += 1) places.add(i).add(good.length - 1 - (i % 16));
    while (places.size < Math.min(good.length, offsets + 80)) places.add(randomInt(good.length));
    for (const at of places) {
      const bytes = Buffer.from(good);
      bytes[at]! ^= 1 << randomInt(8);
      await refused(bytes, `bit of byte ${at} flipped`);
    }
    for (const length of [0, 1, 8, 63, 64, 79, 80, good.length - 17, good.length - 1]) {
      await refused(good.subarray(0, length), `cut to ${length} bytes`);
    }
    await refused(Buffer.concat([good, randomBytes(1)]), 'a byte added');
    await writeFile(place.path, good, { mode: 0o600 });
    if ((await open(place).get('db-0', o)) === undefined) failed.push('the undamaged file is refused');
    return { tried: places.size + 10, failed, note: [...codes].map(([code, n]) => `${n} × ${code}`).join(', ') };
  });
}

async function measured(
  what: string,
  cost: number,
  work: (place: Place) => Promise<Pick<Outcome, 'tried' | 'failed' | 'note'>>,
): Promise<Outcome> {
  const folder = await mkdtemp(join(tmpdir(), 'pipe-campaign-'));
  const started = performance.now();
  try {
    const outcome = await work({
      path: join(folder, 'credentials'),
      environment: { PIPE_PASSPHRASE: randomUUID() },
      cost,
    });
    return { what, ...outcome, seconds: (performance.now() - started) / 1000 };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function leftovers({ path }: Place): Promise<boolean> {
  const names = await readdir(join(path, '..'));
  return names.some((name) => name.startsWith(`.${path.slice(path.lastIndexOf('/') + 1)}.new-`));
}

// ---- The processes that write ---------------------------------------------------------------------------------

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

function startWorker(place: Place, ...task: string[]): ChildProcess {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', script, 'worker', place.path, String(place.cost), ...task],
    {
      env: { ...process.env, ...place.environment },
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

function linesOf(worker: ChildProcess): AsyncIterableIterator<string> {
  return createInterface({ input: worker.stdout! })[Symbol.asyncIterator]();
}

function ended(worker: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.once('exit', (code, signal) =>
      code === 0 ? resolve() : reject(new Error(`a writer ended with ${code ?? signal}`)),
    );
  });
}

async function work([path, cost, task, name, count]: string[]): Promise<void> {
  const store = createFileStore({ path: path!, cost: Number(cost) });
  if (task === 'fill') {
    // The first makes the file, all derive its key.
    await store.put(`${name}-warm`, {}, o);
    await store.remove(`${name}-warm`, o);
    process.stdout.write('ready\n');
    await new Promise((resolve) => process.stdin.once('data', resolve));
    for (let i = 0; i < Number(count); i += 1)
      await store.put(`${name}-${i}`, credentialOf({ password: `${name}-${i}` }), o);
    process.exit(0);
  }
  for (let i = Number(count) + 1; ; i += 1) {
    await store.put(name!, credentialOf({ a: String(i), b: String(i), filling: 'x'.repeat(20_000) }), o);
    process.stdout.write(`${i}\n`);
  }
}

async function main(): Promise<void> {
  const outcomes = [
    await manyWriters({ processes: 8, each: 200, cost: 17 }),
    await killedWriters({ kills: 100, lanes: 5, cost: 17 }),
    await damagedFiles({ credentials: 200, offsets: 4000, cost: 17 }),
  ];
  for (const { what, tried, failed, seconds, note } of outcomes) {
    process.stdout.write(
      `${failed.length === 0 ? '✓' : '✗'} ${what}: ${tried} tried, ${failed.length} failed, ${seconds.toFixed(1)} s; ${note}\n`,
    );
    for (const each of failed.slice(0, 10)) process.stdout.write(`    ${each}\n`);
  }
  process.exitCode = outcomes.some(({ failed }) => failed.length > 0) ? 1 : 0;
}

if (process.argv[1] === script) await (process.argv[2] === 'worker' ? work(process.argv.slice(3)) : main());
