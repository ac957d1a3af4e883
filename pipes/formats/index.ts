// The formats by name: what chooses one is here, the code of one is loaded when it is used.
import type { FormatRegistry } from '../../engine/formats.ts';

export const formats: FormatRegistry = {
  csv: {
    extensions: ['csv'],
    contentTypes: ['text/csv', 'application/csv', 'text/x-csv', 'application/x-csv', 'text/comma-separated-values'],
    load: async () => (await import('./csv.ts')).csv,
  },
  tsv: {
    extensions: ['tsv', 'tab'],
    contentTypes: ['text/tab-separated-values', 'text/tsv'],
    load: async () => (await import('./tsv.ts')).tsv,
  },
  // Before json: a file of one record a line starts as a JSON document does.
  ndjson: {
    extensions: ['ndjson', 'jsonl'],
    contentTypes: ['application/x-ndjson', 'application/ndjson', 'application/jsonl', 'application/x-jsonlines'],
    sniffs: true,
    load: async () => (await import('./ndjson.ts')).ndjson,
  },
  json: {
    extensions: ['json'],
    contentTypes: ['application/json', 'text/json', '+json'],
    sniffs: true,
    load: async () => (await import('./json.ts')).json,
  },
  fixed: {
    extensions: [],
    contentTypes: ['text/plain'],
    load: async () => (await import('./fixed.ts')).fixed,
  },
  lines: {
    extensions: ['txt', 'log'],
    contentTypes: ['text/plain'],
    load: async () => (await import('./lines.ts')).lines,
  },
};
