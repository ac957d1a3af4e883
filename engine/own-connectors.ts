// The connectors of a project's own: what its folder `connectors` has manifests for, and what is known of each.
import { basename } from 'node:path';
import { connectors } from '../schemas/generated/language.ts';
import type { Validate } from '../schemas/generated/validators.ts';
import type { OwnConnector } from './connector-parts.ts';
import type { AnyConnector } from './contracts/connector.ts';
import { countDiagnostics, sortDiagnostics } from './diagnostics.ts';
import { failure } from './errors.ts';
import { loadFile } from './load.ts';
import { connectionFields, connectionPart, connectionValidator } from './manifest-parts.ts';
import { connectionSchema } from './manifests.ts';
import type { Parts } from './parts.ts';
import { createReporter } from './report.ts';
import { shownPath } from './shown-path.ts';
import { validateManifest } from './validate.ts';

/** Throws what keeps the file from being read; mistakes in it are diagnostics. */
export async function loadOwnConnector(
  path: string,
  { connectors: shipped, manifests }: Pick<Parts, 'connectors' | 'manifests'>,
): Promise<OwnConnector> {
  const file = shownPath(path);
  const name = basename(path, '.yaml');
  const { source, diagnostics: unreadable, line } = await loadFile(file);
  const reporter = source && createReporter(source);
  const manifest = reporter && (await validateManifest(reporter));
  if (reporter !== undefined && manifest !== undefined) {
    const report = (message: string) => reporter.report({ code: 'NOT_ALLOWED', message, pointer: '/name' });
    if (Object.hasOwn(connectors, manifest.name) || Object.hasOwn(shipped, manifest.name))
      report(`the manifest: there is a connector "${manifest.name}" in the package already; choose another name`);
    else if (manifest.name !== name) report(`the manifest: its name is not that of the file, "${name}"`);
    await manifests?.check(manifest, reporter.report);
  }
  const diagnostics = sortDiagnostics(reporter?.diagnostics ?? unreadable);
  const [first] = diagnostics.filter(({ severity }) => severity === 'error');
  const own = { name, file, diagnostics, line };
  if (manifest === undefined || manifests === undefined || first !== undefined) {
    const load = async () => {
      const count = countDiagnostics(diagnostics);
      const place = first === undefined ? file : `${file}:${first.line}:${first.col}: ${first.message}`;
      throw failure('CONNECTION_INVALID', { reason: `the manifest of "${name}" has ${count}: ${place}` });
    };
    return { ...own, part: undefined, fields: [], validator: load, load };
  }
  const schema = connectionSchema(manifest);
  let connector: Promise<AnyConnector> | undefined;
  let validator: Promise<{ validate: Validate }> | undefined;
  return {
    ...own,
    part: connectionPart(schema),
    fields: connectionFields(schema),
    validator: () => (validator ??= connectionValidator(schema)),
    load: () => (connector ??= manifests.connector(manifest)),
  };
}
