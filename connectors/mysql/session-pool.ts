// A bounded number of sessions, kept for a while when nobody needs them.

export interface SessionPool<T> {
  take(): Promise<T>;
  /** How many could be taken without waiting. */
  free(): number;
  /** `reusable`: it is in the state in which it was opened. */
  give(session: T, reusable: boolean): void;
  /** Ends those that nobody uses; those in use are ended when they are given back. */
  close(): Promise<void>;
}

export function createSessionPool<T>({
  limit,
  idleMs,
  open,
  usable,
  close,
  destroy,
}: {
  limit: number;
  idleMs: number;
  open(): Promise<T>;
  usable(session: T): boolean;
  close(session: T): Promise<void>;
  destroy(session: T): void;
}): SessionPool<T> {
  const idle: { session: T; timer: NodeJS.Timeout }[] = [];
  const waiting: (() => void)[] = [];
  let places = limit;
  let closed = false;

  const leave = () => {
    const next = waiting.shift();
    if (next === undefined) places++;
    else next();
  };

  return {
    free: () => places,
    async take() {
      if (places > 0) places--;
      else await new Promise<void>((resolve) => waiting.push(resolve));
      closed = false;
      for (let found = idle.pop(); found !== undefined; found = idle.pop()) {
        clearTimeout(found.timer);
        if (usable(found.session)) return found.session;
        destroy(found.session);
      }
      try {
        return await open();
      } catch (error) {
        leave();
        throw error;
      }
    },
    give(session, reusable) {
      if (!reusable || !usable(session)) destroy(session);
      else if (closed) void close(session);
      else {
        const timer = setTimeout(() => {
          idle.splice(
            idle.findIndex((each) => each.session === session),
            1,
          );
          void close(session);
        }, idleMs);
        timer.unref();
        idle.push({ session, timer });
      }
      leave();
    },
    async close() {
      closed = true;
      await Promise.all(
        idle.splice(0).map(({ session, timer }) => {
          clearTimeout(timer);
          return close(session);
        }),
      );
    },
  };
}
