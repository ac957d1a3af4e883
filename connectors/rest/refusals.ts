// What an answer of the service means that is no success, in the words of its manifest.
import type { Value } from '../../engine/contracts/data.ts';
import { type Failure, failure } from '../../engine/errors.ts';
import type { Manifest } from '../../schemas/generated/types.ts';
import { shownUrl } from '../shared/http/address.ts';
import { type Refusal, statusFailure } from '../shared/http/failures.ts';
import { pointed } from './templates.ts';

type Meaning = NonNullable<NonNullable<Manifest['errors']>['map']>[number];

/** For `createClient`: the beginning of the body says what is wrong. */
export function refusalOf(manifest: Manifest, connection: string): (refusal: Refusal) => Failure {
  return (refusal) => {
    let body: Value | undefined;
    try {
      body = JSON.parse(refusal.excerpt) as Value;
    } catch {
      // No JSON, or a long one that was cut: what the status says must do.
    }
    return bodyFailure(manifest, connection, refusal, body);
  };
}

/** A failure for a body that is at hand, whatever its status. */
export function bodyFailure(
  { errors = {} }: Manifest,
  connection: string,
  refusal: Refusal,
  body: Value | undefined,
): Failure {
  const message = errors.message === undefined ? undefined : textOf(pointed(body, errors.message));
  const code = errors.code === undefined ? undefined : textOf(pointed(body, errors.code));
  const { method, status } = refusal;
  const url = shownUrl(refusal.url);
  const said = [message ?? '', code === undefined || code === message ? '' : `(${code})`].filter(Boolean).join(' ');
  const known = errors.map?.find((entry) => fits(entry, status, code));
  const plain = statusFailure(said === '' ? refusal : { ...refusal, excerpt: said, headers: withType(refusal) });
  if (known === undefined && status >= 300) return plain;
  const help = known?.help === undefined ? '' : `; ${known.help}`;
  const reason = `${said === '' ? '' : `: ${said}`}${help}`;
  switch (known?.means) {
    case 'retry':
      return failure('HTTP_BUSY', { method, url, status, reason }, { afterMs: plain.afterMs });
    case 'credential':
    case 'permission':
      return failure('CREDENTIAL_REFUSED', { connection, reason: `${method} ${url} answered ${status}${reason}` });
    case 'not_found':
      return failure('NOT_FOUND', { path: url, hint: `: ${method} answered ${status}${reason}` });
    default:
      return failure('HTTP_STATUS', { method, url, status, reason });
  }
}

function fits({ status, code }: Meaning, gotStatus: number, gotCode: string | undefined): boolean {
  return (status === undefined || status === gotStatus) && (code === undefined || code === gotCode);
}

function withType({ headers }: Refusal): Record<string, string> {
  return { ...headers, 'content-type': 'text/plain' };
}

function textOf(value: Value | undefined): string | undefined {
  if (value === undefined || value === null) return undefined;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
