// The lock of a pipe that keeps positions: two runs at once would deliver the same rows.
import { failure } from '../errors.ts';
import type { RunState } from '../run.ts';
import { holderText, thisProcess } from '../state/holder.ts';

export interface Lock {
  /** Holds it until `release`; PIPE_BUSY when another run has it. Without a state there is none. */
  take(): Promise<void>;
  release(): Promise<void>;
}

/** A process that died without a word loses it after so long, on this machine at once. */
const leaseMs = 60_000;

export function createLock(name: string, owner: string, pipe: string, { open }: RunState): Lock {
  let renewing: NodeJS.Timeout | undefined;
  return {
    async take() {
      const state = await open();
      if (state === undefined || renewing !== undefined) return;
      const held = await state.lock(name, owner, { holder: thisProcess(), leaseMs });
      if (held !== undefined) throw failure('PIPE_BUSY', { pipe, holder: holderText(held) });
      // A renewal that fails is tried again; the next run finds out if it comes too late.
      const renew = () => state.lock(name, owner, { holder: thisProcess(), leaseMs }).catch(() => {});
      renewing = setInterval(renew, leaseMs / 4);
      renewing.unref();
    },
    async release() {
      if (renewing === undefined) return;
      clearInterval(renewing);
      await (await open())?.unlock(name, owner).catch(() => {});
    },
  };
}
