// Mistakes told by pointer, collected as diagnostics with a place in the file.
import type { Diagnostic, DiagnosticCode, Severity } from './diagnostics.ts';
import type { Source } from './load.ts';

export interface Mistake {
  code: DiagnosticCode;
  message: string;
  /** JSON pointer to what is wrong. */
  pointer: string;
  /** Whether the key is wrong or its value; the value, when absent. */
  part?: 'key' | 'value';
  /** Offsets inside a text value. */
  range?: { start: number; end: number };
  severity?: Severity;
  help?: string;
  /** What it is about, where its place in the document does not tell. */
  about?: 'connection';
}

export interface Reporter {
  readonly source: Source;
  readonly diagnostics: Diagnostic[];
  report(mistake: Mistake): void;
}

export function createReporter(source: Source): Reporter {
  const diagnostics: Diagnostic[] = [];
  return {
    source,
    diagnostics,
    report({ code, message, pointer, part, range, severity = 'error', help, about }) {
      const place = range === undefined ? source.locate(pointer, part) : source.within(pointer, range.start, range.end);
      diagnostics.push({
        code,
        severity,
        message,
        file: source.file,
        ...place,
        ...(help === undefined ? {} : { help }),
        ...(about === undefined && !pointer.startsWith('/connections/') ? {} : { about: 'connection' as const }),
      });
    },
  };
}
