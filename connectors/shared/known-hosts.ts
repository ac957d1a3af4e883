// Whether a server's key is the one we know, by a file as OpenSSH keeps it (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT) or by a fingerprint.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { asFailure, type Failure, failure } from '../../engine/errors.ts';

export interface HostKeys {
  /** The kinds of keys that are known of the host, as SSH names the algorithms that use them. */
  readonly algorithms: readonly string[];
  /** The failure to refuse the key with, or undefined where it is the right one. */
  refusal(key: Uint8Array): Failure | undefined;
}

interface KnownKey {
  marker: string | undefined;
  type: string;
  key: Buffer;
  line: number;
}

interface Asking {
  host: string;
  port: number;
  /** The file; absent: the user's own. */
  file?: string | undefined;
  fingerprint?: string | undefined;
  /** What the connection calls the fingerprint. */
  field?: string;
}

export async function loadHostKeys({ host, port, file, fingerprint, field = 'host_key' }: Asking): Promise<HostKeys> {
  const shown = port === 22 ? host : `[${host}]:${port}`;
  if (fingerprint !== undefined) return byFingerprint(shown, fingerprint, field);
  const path = file ?? join(homedir(), '.ssh', 'known_hosts');
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw asFailure(error, path);
  });
  const known = parseKnownHosts(text, host, port);
  return {
    algorithms: [...new Set(known.flatMap(({ marker, type }) => (marker === undefined ? algorithmsOf(type) : [])))],
    refusal(key) {
      const given = Buffer.from(key);
      const same = known.filter((each) => each.key.equals(given));
      const revoked = same.find(({ marker }) => marker === '@revoked');
      if (revoked !== undefined) {
        return failure('HOST_KEY_CHANGED', {
          host: shown,
          key: keyInWords(given),
          reason: `it is marked as revoked in ${path}:${revoked.line}`,
        });
      }
      if (same.some(({ marker }) => marker === undefined)) return undefined;
      const other = known.find(({ marker }) => marker === undefined);
      if (other !== undefined) {
        const reason = `${path}:${other.line} has ${keyInWords(other.key)}; if the server was given a new key, take the old one out with \`ssh-keygen -R '${shown}' -f ${path}\` and add the new one`;
        return failure('HOST_KEY_CHANGED', { host: shown, key: keyInWords(given), reason });
      }
      const scan = `ssh-keyscan${port === 22 ? '' : ` -p ${port}`} ${host} >> ${path}`;
      const advice = `compare it with what its owner says, then add it with \`${scan}\`, or say \`${field}: ${fingerprintOf(given)}\` in the connection`;
      return failure('HOST_KEY_UNKNOWN', { host: shown, key: keyInWords(given), file: path, advice });
    },
  };
}

function byFingerprint(shown: string, expected: string, field: string): HostKeys {
  const wanted = expected.replace(/=+$/, '');
  return {
    algorithms: [],
    refusal(key) {
      if (fingerprintOf(key) === wanted) return undefined;
      const reason = `its connection says \`${field}: ${expected}\``;
      return failure('HOST_KEY_CHANGED', { host: shown, key: keyInWords(key), reason });
    },
  };
}

/** The lines that are about the host; what cannot be read is passed over, as OpenSSH does. */
export function parseKnownHosts(text: string, host: string, port: number): KnownKey[] {
  const names = port === 22 ? [host.toLowerCase()] : [`[${host.toLowerCase()}]:${port}`];
  const found: KnownKey[] = [];
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    const fields = line.trim().split(/\s+/);
    const marker = fields[0]!.startsWith('@') ? fields.shift() : undefined;
    const [hosts, type, base64] = fields;
    if (hosts === undefined || type === undefined || base64 === undefined) continue;
    if (!names.some((name) => isAbout(hosts, name))) continue;
    const key = Buffer.from(base64, 'base64');
    if (key.length > 0) found.push({ marker, type, key, line: i + 1 });
  }
  return found;
}

/** A list of patterns with `*`, `?` and `!`, or one hashed name: `|1|salt|hash`, HMAC-SHA1 of the name. */
function isAbout(hosts: string, name: string): boolean {
  if (hosts.startsWith('|')) {
    const [, kind, salt = '', hash = ''] = hosts.split('|');
    if (kind !== '1') return false;
    const expected = Buffer.from(hash, 'base64');
    const made = createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest();
    return expected.length === made.length && timingSafeEqual(expected, made);
  }
  let about = false;
  for (const pattern of hosts.toLowerCase().split(',')) {
    const negated = pattern.startsWith('!');
    if (!fits(negated ? pattern.slice(1) : pattern, name)) continue;
    if (negated) return false;
    about = true;
  }
  return about;
}

function fits(pattern: string, name: string): boolean {
  const expression = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${expression}$`, 's').test(name);
}

/** One kind of RSA key signs in three ways (RFC 8332). */
function algorithmsOf(type: string): string[] {
  return type === 'ssh-rsa' ? ['rsa-sha2-512', 'rsa-sha2-256', 'ssh-rsa'] : [type];
}

function fingerprintOf(key: Uint8Array): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

/** `ssh-ed25519 SHA256:…`; the kind stands at the beginning of the key itself. */
function keyInWords(key: Uint8Array): string {
  const bytes = Buffer.from(key);
  const length = bytes.length >= 4 ? bytes.readUInt32BE(0) : 0;
  return `${bytes.toString('latin1', 4, 4 + Math.min(length, 64))} ${fingerprintOf(key)}`;
}
