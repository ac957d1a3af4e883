// What is wrong with a manifest beyond its shape: names that are not there, secrets and hosts where they may not be.
import { isOwnField } from '../../engine/connections.ts';
import { Failure } from '../../engine/errors.ts';
import { checkExpression, type ParsedExpression, parseExpression, splitTemplate } from '../../engine/expressions.ts';
import { connectionSchema } from '../../engine/manifests.ts';
import { pointerTo } from '../../engine/pointer.ts';
import type { Mistake } from '../../engine/report.ts';
import { didYouMeanOrKnown } from '../../engine/suggest.ts';
import { type Place, placeOf } from '../../engine/validate/fields.ts';
import { sayPath } from '../../engine/validate/wording.ts';
import { manifest as shape } from '../../schemas/generated/manifest.ts';
import type { Manifest } from '../../schemas/generated/types.ts';

export type Report = (mistake: Mistake) => void;

/** Of a manifest whose shape is right. */
export function checkManifest(manifest: Manifest, report: Report): void {
  checkFields(manifest, report);
  checkResources(manifest, report);
  checkHosts(manifest, report);
  const { connector: _, ...fields } = connectionSchema(manifest).properties;
  const config = new Set(Object.keys(fields));
  checkTexts({ manifest, config, report }, manifest, placeOf(shape), []);
}

function checkFields({ fields = {}, ...manifest }: Manifest, report: Report): void {
  const common = connectionSchema(manifest).properties;
  for (const [name, { pattern }] of Object.entries(fields)) {
    if (!isOwnField(name) || Object.hasOwn(common, name)) {
      const message = `the manifest: every connection has "${name}" already; give the field another name`;
      report({ code: 'NOT_ALLOWED', message, pointer: pointerTo('/fields', name), part: 'key' });
    }
    try {
      if (pattern !== undefined) new RegExp(pattern, 'u');
    } catch (error) {
      const message = `fields.${name}.pattern: ${(error as Error).message}`;
      report({ code: 'INVALID', message, pointer: pointerTo('/fields', name, 'pattern') });
    }
  }
}

function checkResources({ resources }: Manifest, report: Report): void {
  for (const [name, { cursor, partition, parent, filters = {}, columns }] of Object.entries(resources)) {
    const known = (what: string, given: string, names: readonly string[], ...path: string[]) => {
      if (names.includes(given)) return;
      const has = names.length === 0 ? '; it has none' : didYouMeanOrKnown(given, names, 'there are');
      const message = `resource "${name}": there is no ${what} "${given}"${has}`;
      report({ code: 'NOT_ALLOWED', message, pointer: pointerTo('/resources', name, ...path) });
    };
    const filter = (given: string, ...path: string[]) => known('filter', given, Object.keys(filters), ...path);
    if (cursor !== undefined) {
      filter(cursor.filter, 'cursor', 'filter');
      if (columns !== undefined) known('column', cursor.field, Object.keys(columns), 'cursor', 'field');
    }
    if (partition !== undefined) {
      filter(partition.from, 'partition', 'from');
      filter(partition.to, 'partition', 'to');
    }
    if (parent === undefined) continue;
    known('resource', parent.resource, Object.keys(resources), 'parent', 'resource');
    if (Object.hasOwn(resources, parent.resource) && resources[parent.resource]!.parent !== undefined) {
      const message = `resource "${name}": its parent "${parent.resource}" has a parent itself, and only one is read`;
      report({ code: 'NOT_ALLOWED', message, pointer: pointerTo('/resources', name, 'parent', 'resource') });
    }
  }
}

function checkHosts(
  { base_url: baseUrl, allowed_hosts: hosts = [], auth = [], fields = {} }: Manifest,
  report: Report,
) {
  const ways = [auth].flat();
  const urls: [string | undefined, string][] = [[baseUrl, '/base_url']];
  for (const [index, way] of ways.entries()) {
    const at = Array.isArray(auth) ? pointerTo('/auth', index) : '/auth';
    for (const key of ['authorize_url', 'token_url', 'device_url'] as const) urls.push([way[key], `${at}/${key}`]);
  }
  const secret = ways.some(({ kind }) => kind === 'oauth2') || Object.values(fields).some((field) => field.secret);
  for (const [url, pointer] of urls) {
    if (!secret || url === undefined || !/^http:/i.test(url) || isLoopback(url)) continue;
    const message = `${pointer.slice(1).replaceAll('/', '.')}: the credential would go over the network as plain text; write https://`;
    report({ code: 'NOT_ALLOWED', message, pointer });
  }
  for (const [index, host] of hosts.entries()) {
    if (!/^[*.]+(:.*)?$/.test(host)) continue;
    const message = `allowed_hosts: "${host}" is every host, and the credential would go anywhere; name the hosts`;
    report({ code: 'NOT_ALLOWED', message, pointer: pointerTo('/allowed_hosts', index) });
  }
}

function isLoopback(url: string): boolean {
  return /^http:\/\/(127\.0\.0\.1|localhost|\[::1\])([:/?#]|$)/i.test(url);
}

interface Checked {
  manifest: Manifest;
  /** The fields of a connection. */
  config: ReadonlySet<string>;
  report: Report;
}

/** Every text in which the schema allows expressions. */
function checkTexts(checked: Checked, value: unknown, place: Place, parts: string[]): void {
  if (typeof value === 'string') checkText(checked, value, place, parts);
  else if (typeof value === 'object' && value !== null)
    for (const [key, each] of Object.entries(value))
      checkTexts(checked, each, place.child(Array.isArray(value) ? Number(key) : key), [...parts, key]);
}

function checkText(checked: Checked, text: string, { info }: Place, parts: string[]): void {
  if (info.scope === undefined) return;
  const { manifest, report } = checked;
  const at = { pointer: pointerTo('', ...parts) };
  const label = sayPath(parts, manifest);
  const resource = parts[0] === 'resources' ? manifest.resources[parts[1]!] : undefined;
  // There is a parent record only where the resource says whose.
  const names = info.scope.filter((name) => name !== 'parent' || resource?.parent !== undefined);
  const attempt = (work: () => void) => {
    try {
      work();
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== 'EXPRESSION_SYNTAX') throw error;
      const { reason, start, end } = error.data as { reason: string; start: number; end: number };
      report({ code: 'EXPRESSION_SYNTAX', message: `${label}: ${reason}`, ...at, range: { start, end } });
    }
  };
  const check = (parsed: ParsedExpression) => {
    for (const { code, reason, start, end } of checkExpression(parsed, { names }))
      report({ code, message: `${label}: ${reason}`, ...at, range: { start, end } });
    for (const { root, name, optional, start, end } of parsed.fields) {
      if (!names.includes(root)) continue;
      const range = { start, end };
      const known = root === 'config' ? [...checked.config] : Object.keys(resource?.filters ?? {});
      if ((root === 'config' || root === 'filters') && !optional && !known.includes(name)) {
        const has = known.length === 0 ? '; it has none' : didYouMeanOrKnown(name, known, 'there are');
        const message = `${label}: there is no ${root === 'config' ? 'field' : 'filter'} "${name}"${has}`;
        report({ code: 'UNKNOWN_NAME', message, ...at, range });
      }
      if (root === 'config' && isSecret(manifest, name) && !takesSecrets(parts)) {
        const message = `${label}: "${name}" is a secret, and secrets are known only to username, password and token of auth`;
        report({ code: 'NAME_OUT_OF_SCOPE', message, ...at, range });
      }
    }
  };
  attempt(() => {
    if (info.expression === true) check(parseExpression(text));
    else
      for (const part of splitTemplate(text))
        if (typeof part !== 'string') attempt(() => check(parseExpression(part.source, part.offset)));
  });
}

function isSecret(manifest: Manifest, name: string): boolean {
  return connectionSchema(manifest).properties[name]?.['x-secret'] === true;
}

function takesSecrets(parts: readonly string[]): boolean {
  return parts[0] === 'auth' && ['username', 'password', 'token'].includes(parts.at(-1)!);
}
