// What an answer that is no success says, in the catalogue's words: of a token, what is wrong with it.
import { type Failure, failure } from '../../engine/errors.ts';
import { type Refusal, statusFailure } from '../shared/http/failures.ts';

/** "Error handling guide", 401: the tag says why. */
export function tokenRefusal(refusal: Refusal): Failure {
  const { status, excerpt, connection } = refusal;
  if (status !== 401 || connection === undefined) return statusFailure(refusal);
  const tag = /"\.tag"\s*:\s*"(\w+)"/.exec(excerpt)?.[1];
  const again = `sign in again with \`pipe connections login ${connection}\``;
  const scope = /"required_scope"\s*:\s*"([\w.]+)"/.exec(excerpt)?.[1];
  const reasons: Record<string, string> = {
    expired_access_token: `the access token has expired; ${again}, or give a refresh_token, by which new ones are fetched`,
    invalid_access_token: `Dropbox does not know the access token, or it was revoked; ${again}`,
    missing_scope: `the app lacks the permission ${scope ?? 'for this'}; tick it in the app console of Dropbox, then ${again}`,
    user_suspended: 'the user of this token is suspended',
    invalid_select_user: 'the `member_id` is not of this team',
  };
  const reason = tag === undefined ? undefined : reasons[tag];
  return reason === undefined ? statusFailure(refusal) : failure('CREDENTIAL_REFUSED', { connection, reason });
}
