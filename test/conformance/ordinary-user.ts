// Root may touch everything: what a user may not touch is tried as someone else.
import { chmodSync } from 'node:fs';
import { join } from 'node:path';

const nobody = 65_534;

export async function asOrdinaryUser(work: () => Promise<void>): Promise<void> {
  const again = becomeOrdinary();
  try {
    await work();
  } finally {
    again();
  }
}

/** The process may not touch this folder below `root` until it is opened again. */
export function closeFolder(root: string, folder: string): { open(): void } {
  chmodSync(root, 0o777);
  chmodSync(join(root, folder), 0o000);
  const again = becomeOrdinary();
  return {
    open() {
      again();
      chmodSync(join(root, folder), 0o755);
    },
  };
}

function becomeOrdinary(): () => void {
  if (process.getuid?.() !== 0) return () => {};
  process.seteuid!(nobody);
  return () => process.seteuid!(0);
}
