// One stream for several readers, in lock step: no reader gets more than one batch ahead of the slowest one.
import type { Batch, FileItem, Row, Stream } from './contracts/data.ts';

/**
 * Gives `branches` streams with what `stream` holds. The source is pulled when every open branch has taken what it was
 * given, so memory is bounded by one batch a branch. A branch may be closed early; the source is closed with the last
 * one. An error of the source reaches every branch. Each branch owns its rows. A branch that is neither read nor closed
 * holds up the others until `signal` aborts.
 */
export function tee<S extends Stream>(stream: S, branches: number, signal: AbortSignal): S[] {
  if (branches === 1) return [stream];
  if (stream.kind === 'rows') {
    const { encoded: _, ...rest } = stream;
    const split = splitSource(stream.batches, branches, signal, copyRows);
    return split.map((batches) => ({ ...rest, batches }) as Stream as S);
  }
  const share = (file: FileItem, readers: number) => shareFile(file, readers, signal);
  const split = splitSource(stream.files, branches, signal, share, leave);
  return split.map((files) => ({ ...stream, files: leavingFiles(files) }));
}

/** One value for each of the readers. */
type Share<T, U> = (value: T, readers: number) => U[];

const copyRows: Share<Batch, Batch> = (batch, readers) =>
  Array.from({ length: readers }, (_, at) =>
    at === readers - 1 ? batch : { ...batch, rows: batch.rows.map(copyRow) },
  );

// Values inside a row are never changed in place, so the outermost level is enough.
const copyRow = (row: Row): Row => ({ ...row });

/** A branch's view of a file, and what to do when the branch goes on to the next one. */
interface SharedFile {
  file: FileItem;
  leave?: () => Promise<unknown>;
}

const leave = async (shared: SharedFile | undefined) => await shared?.leave?.();

/** A file whose bytes come once is read once, its chunks go to every branch; any other one is opened by each. */
function shareFile(file: FileItem, readers: number, signal: AbortSignal): SharedFile[] {
  if (file.once !== true) return new Array(readers).fill({ file });
  const branches = splitSource(openedWhenRead(file), readers, signal, (chunk, count) => new Array(count).fill(chunk));
  return branches.map((bytes) => ({ file: { ...file, open: () => bytes }, leave: async () => await bytes.return?.() }));
}

function openedWhenRead(file: FileItem): AsyncIterable<Uint8Array> {
  let bytes: AsyncIterator<Uint8Array> | undefined;
  const iterator: AsyncIterableIterator<Uint8Array> = {
    next: () => {
      bytes ??= file.open()[Symbol.asyncIterator]();
      return bytes.next();
    },
    return: async () => (await bytes?.return?.()) ?? { value: undefined, done: true },
    [Symbol.asyncIterator]: () => iterator,
  };
  return iterator;
}

/** Before the next file, the bytes of the last one are let go, so that the other branches need not wait for them. */
function leavingFiles(shared: AsyncIterableIterator<SharedFile>): AsyncIterableIterator<FileItem> {
  let last: SharedFile | undefined;
  const iterator: AsyncIterableIterator<FileItem> = {
    async next() {
      await leave(last);
      last = undefined;
      const step = await shared.next();
      if (step.done === true) return step;
      last = step.value;
      return { value: last.file, done: false };
    },
    async return() {
      await leave(last);
      await shared.return?.();
      return { value: undefined, done: true };
    },
    [Symbol.asyncIterator]: () => iterator,
  };
  return iterator;
}

function splitSource<T, U>(
  source: AsyncIterable<T>,
  count: number,
  signal: AbortSignal,
  share: Share<T, U>,
  drop?: (value: U) => Promise<unknown>,
): AsyncIterableIterator<U>[] {
  const slots: ({ value: U } | undefined)[] = new Array(count).fill(undefined);
  const open = new Set(slots.keys());
  let iterator: AsyncIterator<T> | undefined;
  let pulling: Promise<void> | undefined;
  let ended = false;
  let failed: { error: unknown } | undefined;
  let waiting: (() => void)[] = [];

  const wake = () => {
    const woken = waiting;
    waiting = [];
    for (const resolve of woken) resolve();
  };
  const change = () => new Promise<void>((resolve) => waiting.push(resolve));
  const settle = () => {
    signal.removeEventListener('abort', wake);
    wake();
  };
  signal.addEventListener('abort', wake, { once: true });

  const pull = async () => {
    try {
      iterator ??= source[Symbol.asyncIterator]();
      const step = await iterator.next();
      if (step.done === true) ended = true;
      else {
        const readers = [...open];
        const values = share(step.value, readers.length);
        for (const [at, branch] of readers.entries()) slots[branch] = { value: values[at]! };
      }
    } catch (error) {
      failed = { error };
    }
  };
  const pulled = () => {
    pulling = undefined;
    if (ended || failed !== undefined) settle();
    else wake();
  };

  const next = async (branch: number): Promise<IteratorResult<U>> => {
    for (;;) {
      const slot = slots[branch];
      if (slot !== undefined) {
        slots[branch] = undefined;
        wake();
        return { value: slot.value, done: false };
      }
      if (ended || !open.has(branch)) return { value: undefined, done: true };
      if (failed !== undefined) throw failed.error;
      signal.throwIfAborted();
      if (pulling === undefined && slots.every((other) => other === undefined)) pulling = pull().then(pulled);
      await (pulling ?? change());
    }
  };

  const close = async (branch: number): Promise<IteratorResult<U>> => {
    const last = open.delete(branch) && open.size === 0;
    const left = slots[branch];
    slots[branch] = undefined;
    wake();
    if (left !== undefined) await drop?.(left.value);
    if (last) {
      settle();
      await pulling;
      iterator ??= source[Symbol.asyncIterator]();
      if (!ended && failed === undefined) await iterator.return?.();
    }
    return { value: undefined, done: true };
  };

  return slots.map((_, branch) => ({
    next: () => next(branch),
    return: () => close(branch),
    [Symbol.asyncIterator]() {
      return this;
    },
  }));
}
