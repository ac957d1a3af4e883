// The parts that definitions are checked against.
import type { Parts } from '../../engine/parts.ts';
import { formats } from '../../pipes/formats/index.ts';

const rows = { accepts: ['rows'], yields: 'rows' } as const;
export const parts: Pick<Parts, 'shapes' | 'formats' | 'connectors'> = {
  formats,
  shapes: {
    read: { accepts: ['nothing'], yields: 'either' }, list: { accepts: ['nothing'], yields: 'rows' }, request: { accepts: ['nothing'], yields: 'either' },
    write: { accepts: ['rows', 'files'], yields: 'same' }, copy: { accepts: ['nothing'], yields: 'nothing' }, delete: { accepts: ['nothing'], yields: 'nothing' },
    mkdir: { accepts: ['nothing'], yields: 'nothing' }, convert: { accepts: ['files'], yields: 'files' }, select: rows, rename: rows, filter: rows, set: rows, cast: rows,
    limit: rows, replace: rows, unnest: rows, validate: rows, merge: rows, archive: { accepts: ['rows', 'files'], yields: 'files' }, unarchive: { accepts: ['files'], yields: 'files' },
    echo: { accepts: ['rows', 'files', 'nothing'], yields: 'either' }, dump: { accepts: ['rows', 'files'], yields: 'same' }, exit: { accepts: ['rows', 'files', 'nothing'], yields: 'same' },
    fail: { accepts: ['rows', 'files', 'nothing'], yields: 'same' },
  },
  connectors: {
    local: async () => (await import('../../connectors/local/index.ts')).local,
    http: async () => ({ name: 'http', capabilities: ['read', 'list', 'request', 'describe', 'write'], stores: 'files' }) as never,
  },
};
