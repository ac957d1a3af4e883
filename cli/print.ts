// How figures, tables and errors are printed: one look for every command.
import { styleText } from 'node:util';
import { environmentName } from '../engine/credentials/names.ts';
import type { RunFailure } from '../engine/engine.ts';
import { asFailure, exitCode, type Failure } from '../engine/errors.ts';

type Style = Parameters<typeof styleText>[0];

/** Colours on a terminal only, and never with NO_COLOR. */
export function colours(stream: NodeJS.WriteStream): boolean {
  if (process.env.NO_COLOR !== undefined && process.env.NO_COLOR !== '') return false;
  return stream.isTTY === true || (process.env.FORCE_COLOR ?? '0') !== '0';
}

export function painter(stream: NodeJS.WriteStream): (style: Style, text: string) => string {
  return colours(stream) ? (style, text) => styleText(style, text) : (_, text) => text;
}

/** Prints an error to stderr; gives the exit code that goes with it. */
export function printFailure(error: unknown): number {
  const found = asFailure(error);
  const paint = painter(process.stderr);
  const { diagnostics, report } = error as RunFailure;
  const place = report?.error?.place;
  if (diagnostics !== undefined) process.stderr.write(diagnostics.text({ colour: colours(process.stderr) }));
  process.stderr.write(
    `${place === undefined ? '' : `${paint('bold', place)} `}${paint('red', found.code)} ${found.message}\n`,
  );
  const advice = adviceOf(found);
  if (advice !== undefined) process.stderr.write(`  ${paint('dim', '=')} ${advice}\n`);
  if (found.fault === 'bug' && found.cause instanceof Error) process.stderr.write(`${found.cause.stack}\n`);
  return exitCode(found);
}

/** What to do about a credential that is not there. */
function adviceOf({ code, data }: Failure): string | undefined {
  const { connection, fields, hint, inline } = data;
  // A definition that gives the field itself asks no store for it.
  if (code !== 'CREDENTIAL_MISSING' || inline === true || String(hint).includes('${') || connection === '')
    return undefined;
  const variable = environmentName(String(connection), String(fields));
  return `\`pipe connections edit ${connection} --secret-from-stdin ${fields}\` keeps one, or set ${variable}`;
}

export function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}

export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const units = ['kB', 'MB', 'GB', 'TB', 'PB'];
  let value = bytes;
  let unit = -1;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ${units[unit]}`;
}

export function formatSeconds(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(2)} s`;
  if (seconds < 100) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** Lines of aligned columns; columns named in `right` are set flush right. */
export function formatTable(rows: readonly (readonly string[])[], right: ReadonlySet<number> = new Set()): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  }
  return rows.map((row) =>
    row
      .map((cell, i) => (right.has(i) ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd(),
  );
}
