// Diagnostics of a definition: their codes, their order, and how they are printed (as text, as SARIF).
import picocolors from 'picocolors';
import { excerpt, visible } from './excerpt.ts';

export type Severity = 'error' | 'warning';

/** One mistake at one place of one file. Lines and columns count from 1, columns in UTF-16 units; `endCol` is exclusive. */
export interface Diagnostic {
  code: DiagnosticCode;
  severity: Severity;
  message: string;
  file: string;
  line: number;
  col: number;
  endCol: number;
  /** What to do, where the message does not say it already. */
  help?: string;
  /** Set where it is about a connection: what decides the exit code. */
  about?: 'connection';
}

/** Every code and what it stands for. A code is never given another meaning. */
export const diagnosticRules = {
  // The file
  FILE_TOO_LARGE: 'A definition file that is larger than a definition can be.',
  FILE_ENCODING: 'A definition file that is not UTF-8.',
  FILE_EMPTY: 'A definition file without content.',
  SYNTAX: 'Text that is neither YAML nor JSON.',
  TAB_INDENT: 'A tab where YAML wants spaces.',
  DUPLICATE_KEY: 'A key that stands twice in one map.',
  SEVERAL_DOCUMENTS: 'More than one YAML document in a file.',
  ALIAS_UNKNOWN: 'A YAML alias without its anchor.',
  ALIAS_LIMIT: 'YAML aliases that would grow without bound.',
  NESTED_TOO_DEEP: 'Values nested deeper than a definition can be.',
  TAG_UNKNOWN: 'A YAML tag that has no meaning here.',
  MERGE_INVALID: 'A YAML merge key with something else than maps.',
  KEY_INVALID: 'A key that is not text, or not allowed.',
  NUMBER_UNSAFE: 'A number that would lose digits.',
  // Its shape
  NOT_A_DEFINITION: 'A document that is neither a map nor a list of tasks.',
  UNKNOWN_KEY: 'A key that the language does not have at this place.',
  MISSING_KEY: 'A key that must be there and is not.',
  WRONG_TYPE: 'A value of another type than the key takes.',
  NOT_ALLOWED: 'A value that is not one of those the key takes.',
  PATTERN: 'Text that does not have the form the key takes.',
  RANGE: 'A value, or a number of values, outside the limits.',
  INVALID: 'A value that the schema refuses for another reason.',
  UNKNOWN_OP: 'An op that does not exist.',
  UNKNOWN_CONNECTOR: 'A connector that does not exist.',
  UNKNOWN_FORMAT: 'A format that does not exist.',
  OPERATION_PENDING: 'A part of the language that this version cannot run yet.',
  // References
  DUPLICATE_ID: 'Two tasks with one id.',
  DUPLICATE_EID: 'Two connections with one EID.',
  UNKNOWN_TASK: 'The id of a task that does not exist.',
  LATER_TASK: 'The id of a task that has not run yet.',
  UNKNOWN_CONNECTION: 'A connection that does not exist.',
  UNKNOWN_PARAM: 'A param that is not declared.',
  PARAM_INVALID: 'A param whose default does not fit its own declaration.',
  DISABLED: 'A connection or task that is used and disabled.',
  SECRET_LITERAL: 'A secret in a file.',
  // Triggers
  CRON_INVALID: 'A cron line that cannot be read, or that never comes.',
  UNKNOWN_TIMEZONE: 'A time zone that does not exist.',
  // Expressions
  EXPRESSION_SYNTAX: 'An expression that cannot be read.',
  UNKNOWN_NAME: 'A name that no expression knows.',
  NAME_OUT_OF_SCOPE: 'A name that expressions of this field cannot use.',
  UNKNOWN_FUNCTION: 'A function that expressions do not have.',
  UNKNOWN_COLUMN: 'A column that the rows do not have.',
  EXPRESSION_INVALID: 'An expression that can be read and can never be evaluated.',
  EXPRESSION_MARKS: 'An expression inside of marks in a field that is an expression by itself.',
  // Code
  SCRIPT_SYNTAX: 'A script that cannot be read.',
  MODULE_INVALID: 'A module that is not there, or that Node cannot load.',
  MODULE_REFUSED: 'A module that this definition may not call.',
  // Streams and paths
  NO_INPUT: 'A task that takes a stream and has none.',
  NO_OUTPUT: 'Input from a task that gives none.',
  WRONG_KIND: 'A stream of a kind that the task cannot take.',
  ACROSS_STAGES: 'Input from a chain that has already ended.',
  PIPE_LOOP: 'Pipes that run each other, one of them itself in the end.',
  UNKNOWN_BRANCH: 'The name of a list of tasks that is not there.',
  SHARED_SOURCE: 'Two inputs of one task that come from one source.',
  UNUSED_OUTPUT: 'Output that no task takes.',
  TARGET_TWICE: 'Two writes of which the second takes the place of the first.',
  NO_FORMAT: 'Files whose format cannot be told.',
  PATH_INVALID: 'A path that does not follow the grammar.',
  PATH_PATTERN: 'A pattern where one path is needed.',
  PATH_NOT_FOUND: 'A local file that does not exist.',
  PATH_IS_FOLDER: 'A folder where a file is needed.',
  NOT_RESUMABLE: 'A write that commits as it goes where no run could go on from a checkpoint.',
  NOT_REPEATABLE: 'An incremental read that could lose rows, or deliver them twice.',
  CAPABILITY_MISSING: 'Something that the connector cannot do.',
} as const;

export type DiagnosticCode = keyof typeof diagnosticRules;

/** In order of file (as given), line and column; of several at one place with one code, the first. */
export function sortDiagnostics(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  const files = new Map<string, number>();
  for (const { file } of diagnostics) if (!files.has(file)) files.set(file, files.size);
  const seen = new Set<string>();
  return diagnostics
    .filter((each) => {
      const place = `${each.file}\0${each.line}:${each.col}\0${each.code}\0${each.message}`;
      return seen.has(place) ? false : seen.add(place);
    })
    .sort(
      (a, b) =>
        files.get(a.file)! - files.get(b.file)! ||
        a.line - b.line ||
        a.col - b.col ||
        (a.severity === b.severity ? 0 : a.severity === 'error' ? -1 : 1),
    );
}

/** `2 errors and 1 warning`. */
export function countDiagnostics(diagnostics: readonly Diagnostic[]): string {
  const errors = diagnostics.filter(({ severity }) => severity === 'error').length;
  const warnings = diagnostics.length - errors;
  const parts = [];
  if (errors > 0 || warnings === 0) parts.push(`${errors === 0 ? 'no' : errors} ${errors === 1 ? 'error' : 'errors'}`);
  if (warnings > 0) parts.push(`${warnings} ${warnings === 1 ? 'warning' : 'warnings'}`);
  return parts.join(' and ');
}

// ---- Text ---------------------------------------------------------------------------------------------------

export interface TextOptions {
  /** A line of a file, from 1, without its line end and with secrets hidden; undefined where there is none. */
  line(file: string, line: number): string | undefined;
  colour?: boolean;
}

/** One block for each diagnostic, each with a line end. The first line of a block is `file:line:col CODE message`. */
export function formatDiagnostics(diagnostics: readonly Diagnostic[], options: TextOptions): string {
  const colours = picocolors.createColors(options.colour === true);
  return diagnostics
    .map((each) => {
      const paint = each.severity === 'error' ? colours.red : colours.yellow;
      const place = visible(`${each.file}:${each.line}:${each.col}`);
      const warning = each.severity === 'warning' ? 'warning: ' : '';
      let text = `${colours.bold(place)} ${paint(each.code)} ${warning}${visible(each.message)}\n`;
      const line = options.line(each.file, each.line);
      if (line !== undefined) {
        const { shown, before, marked } = excerpt(line, each.col, each.endCol);
        const number = String(each.line);
        text += `${colours.dim(`  ${number} |`)} ${shown}\n`;
        text += `${colours.dim(`  ${' '.repeat(number.length)} |`)} ${' '.repeat(before)}${paint('^'.repeat(marked))}\n`;
      }
      if (each.help !== undefined) text += `  ${colours.dim('=')} ${visible(each.help)}\n`;
      return text;
    })
    .join('');
}

// ---- SARIF --------------------------------------------------------------------------------------------------

/** A SARIF 2.1.0 log with one run, for code scanning services. */
export function formatSarif(diagnostics: readonly Diagnostic[], version?: string): object {
  const codes = [...new Set(diagnostics.map(({ code }) => code))].sort();
  const rules = codes.map((code) => ({ id: code, shortDescription: { text: diagnosticRules[code] } }));
  const results = diagnostics.map((each) => ({
    ruleId: each.code,
    ruleIndex: codes.indexOf(each.code),
    level: each.severity,
    message: { text: each.help === undefined ? each.message : `${each.message}\n${each.help}` },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: artifactUri(each.file) },
          region: { startLine: each.line, startColumn: each.col, endColumn: each.endCol },
        },
      },
    ],
  }));
  const driver = { name: 'Pipewright', ...(version === undefined ? {} : { version }), rules };
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [{ tool: { driver }, columnKind: 'utf16CodeUnits', results }],
  };
}

function artifactUri(file: string): string {
  const escaped = file.toWellFormed().split('/').map(encodeURIComponent).join('/');
  return file.startsWith('/') ? `file://${escaped}` : escaped;
}
