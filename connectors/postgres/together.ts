// Writers of one run wait for each other before they commit. One that is held up by another one's locks never comes.
import type { WriteOptions } from '../../engine/contracts/connector.ts';
import { failure } from '../../engine/errors.ts';
import type { Session } from './connect.ts';
import type { Place } from './errors.ts';

interface Writer {
  host: string;
  pid: number;
  waits: boolean;
}

/** By the signal of their run. */
const writers = new WeakMap<AbortSignal, Set<Writer>>();

const lookEveryMs = 250;

export interface Turn {
  /** Calls `beforeCommit`. Fails when another writer of the run, still at work, waits for what this one has changed. */
  beforeCommit(): Promise<void>;
  end(): void;
}

export function takeTurn({ client, pid }: Session, { host, shown }: Place, o: WriteOptions): Turn {
  const all = writers.get(o.signal) ?? new Set();
  writers.set(o.signal, all);
  const own: Writer = { host, pid, waits: false };
  all.add(own);

  const blocked = async (): Promise<boolean> => {
    const others = [...all].filter((other) => other !== own && other.host === host && !other.waits);
    if (others.length === 0) return false;
    const { rows } = await client.query(
      'select 1 from unnest($1::int[]) as other(pid) where pg_backend_pid() = any(pg_blocking_pids(other.pid))',
      [others.map((other) => other.pid)],
    );
    return rows.length > 0;
  };
  return {
    async beforeCommit() {
      own.waits = true;
      let over = false;
      let timer: NodeJS.Timeout | undefined;
      const done = o.beforeCommit().finally(() => {
        over = true;
        clearTimeout(timer);
      });
      // Told by the loop, or by the return.
      done.catch(() => {});
      while (!over) {
        await Promise.race([
          done,
          new Promise<void>((resolve) => {
            timer = setTimeout(resolve, lookEveryMs);
          }),
        ]);
        if (!over && (await blocked())) throw failure('WRITERS_BLOCKED', { path: shown });
      }
      await done;
      o.signal.throwIfAborted();
    },
    end: () => void all.delete(own),
  };
}
