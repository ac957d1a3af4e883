// The version of this package.
import { readFileSync } from 'node:fs';

export function version(): string {
  // One of the two is there: above the sources, or above dist/.
  for (const up of ['../package.json', '../../package.json']) {
    try {
      const found = JSON.parse(readFileSync(new URL(up, import.meta.url), 'utf8')) as { name: string; version: string };
      if (found.name === 'pipewright') return found.version;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  throw new Error('the package has no package.json');
}
