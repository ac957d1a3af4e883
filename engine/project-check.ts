// The mistakes of a file with connections: a project's, or the user's own.
import { checkConnectionExpressions } from './check/expressions.ts';
import { checkPendingConnectors } from './check/references.ts';
import type { OwnConnectors } from './connector-parts.ts';
import { type Diagnostic, sortDiagnostics } from './diagnostics.ts';
import type { Source } from './load.ts';
import { createReporter } from './report.ts';
import { isMap } from './validate/tasks.ts';
import { validateProject } from './validate.ts';

/** `only`: of the connections, those with these aliases. Sorted. */
export async function checkConnectionsFile(
  source: Source,
  connectors: ReadonlySet<string>,
  own: OwnConnectors,
  only: ReadonlySet<string> | undefined,
): Promise<Diagnostic[]> {
  const reporter = createReporter(source);
  await validateProject(reporter, { connectors, own, ...(only === undefined ? {} : { only }) });
  if (isMap(source.value) && isMap(source.value.connections)) {
    const looked = Object.entries(source.value.connections).filter(([alias]) => only?.has(alias) !== false);
    checkPendingConnectors(reporter, Object.fromEntries(looked));
    await checkConnectionExpressions(reporter, Object.fromEntries(looked), own);
  }
  return sortDiagnostics(reporter.diagnostics);
}
