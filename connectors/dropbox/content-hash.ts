// "Content hash" of the vendor's documentation: SHA-256 over the SHA-256 of each block of 4 MiB.
import { createHash, type Hash } from 'node:crypto';

export const blockBytes = 4 * 1024 * 1024;
export const hashBytes = 32;

/** The hashes of the blocks of what it is given, one after another. */
export function createBlockHashes() {
  const hashes: Buffer[] = [];
  let block: Hash | undefined;
  let inBlock = 0;
  const end = () => {
    if (block !== undefined) hashes.push(block.digest());
    block = undefined;
    inBlock = 0;
  };
  return {
    update(bytes: Uint8Array) {
      for (let at = 0; at < bytes.length; ) {
        block ??= createHash('sha256');
        const piece = bytes.subarray(at, at + blockBytes - inBlock);
        block.update(piece);
        inBlock += piece.length;
        at += piece.length;
        if (inBlock === blockBytes) end();
      }
    },
    digest(): Buffer {
      end();
      return Buffer.concat(hashes);
    },
  };
}

/** Of the hashes of all blocks, in order. */
export function contentHash(blocks: readonly Buffer[]): string {
  const hash = createHash('sha256');
  for (const each of blocks) hash.update(each);
  return hash.digest('hex');
}
