// What `pipe test` finds: each test with what was other than it should be.
import type { Row } from '../contracts/data.ts';

export interface TestOptions {
  /** Only tests whose name has this in it, in whatever case. */
  filter?: string;
  signal?: AbortSignal;
}

export interface TestReport {
  pipe: string;
  /** In the order of the file. */
  tests: TestResult[];
}

export interface TestResult {
  name: string;
  /** `file:line:col`. */
  place: string;
  status: 'passed' | 'failed';
  seconds: number;
  problems: Problem[];
  /** What is worth knowing and is no failure. */
  notes: string[];
}

export type Problem =
  /** The run ended otherwise than it should: `expected` and `code` are error codes, absent for a run that is done. */
  | { kind: 'error'; expected?: string; code?: string; message: string }
  /** An output is not there, or cannot be compared. */
  | { kind: 'output'; output: string; message: string }
  | { kind: 'rows'; output: string; expected: number; written: number; differences: RowDifference[]; more: number }
  | { kind: 'text'; output: string; differences: LineDifference[]; more: number };

export interface RowDifference {
  /** From 1, in what was expected; in what was written where there is no other. */
  row: number;
  /** Absent for a row that should not be there. */
  expected?: Row;
  /** Absent for a row that is missing. */
  written?: Row;
  /** The columns that differ. */
  columns: string[];
}

export interface LineDifference {
  line: number;
  expected?: string;
  written?: string;
}
