// How connections are shown: the mark of their status, a line after a change, a page of one.
import type { ConnectionDetails, ConnectionInfo } from '../engine/connection-info.ts';
import type { painter } from './print.ts';
import { alignedTable, jsonText } from './tables.ts';

type Paint = ReturnType<typeof painter>;

/** ✓ works, ✗ does not, · not tried, – disabled. */
export function statusMark(status: ConnectionInfo['status'], paint: Paint): string {
  switch (status) {
    case 'ok':
      return paint('green', '✓');
    case 'failing':
      return paint('red', '✗');
    case 'disabled':
      return paint('dim', '–');
    case 'unverified':
      return paint('yellow', '·');
  }
}

/** `✓ shop (postgres) ok`, with the reason where it is failing. */
export function statusLine({ name, connector, status, code, reason }: ConnectionInfo, paint: Paint): string {
  const why = status === 'failing' ? `: ${code} ${reason}` : '';
  return `${statusMark(status, paint)} ${paint('bold', name)} (${connector}) ${status}${why}`;
}

/** A time as people say it: `3 min ago`, or the day. */
export function ago(time: string | undefined, now = Date.now()): string {
  if (time === undefined) return '';
  const minutes = Math.floor((now - Date.parse(time)) / 60_000);
  if (minutes < 1) return 'just now';
  if (minutes < 60) return `${minutes} min ago`;
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ago`;
  return time.slice(0, 10);
}

export function detailsText(details: ConnectionDetails, paint: Paint): string {
  const { alias, eid, connector, title, description, home, file, shadows, config, secrets } = details;
  const lines = [statusLine(details, paint)];
  const about: [string, string | undefined][] = [
    ['title', title],
    ['description', description],
    ['EID', eid],
    ['alias', alias ?? '(none)'],
    ['connector', `${connector}${details.default ? ', the default one' : ''}`],
    ['from', `${home === 'user' ? 'your own' : `the ${home}'s`}${file === undefined ? '' : `, ${file}`}`],
    ['hides', shadows.length === 0 ? undefined : `the one of the ${shadows.join(' and the ')}`],
    ['created', details.created],
    ['updated', details.updated],
    ['verified', details.verified],
    ['used', details.used],
  ];
  lines.push(
    '',
    ...alignedTable(about.flatMap(([name, value]) => (value === undefined ? [] : [[`  ${name}`, value]]))),
  );
  const fields = Object.entries(config);
  const plain = fields.filter(([field]) => !secrets.some((secret) => secret.field === field));
  if (plain.length > 0)
    lines.push(
      '',
      'fields',
      ...alignedTable(
        plain.map(([field, value]) => [`  ${field}`, typeof value === 'string' ? value : jsonText(value)]),
      ),
    );
  if (secrets.length > 0) {
    const rows = secrets.map(({ field, configured, where }) => [
      `  ${configured ? paint('green', '✓') : paint('dim', '–')} ${field}`,
      configured ? `configured: ${where}` : 'not configured',
    ]);
    const looked = secrets.find(({ configured, where }) => !configured && where !== '')?.where;
    lines.push('', looked === undefined ? 'secrets' : `secrets (looked in ${looked})`, ...alignedTable(rows));
  }
  return `${lines.join('\n')}\n`;
}
