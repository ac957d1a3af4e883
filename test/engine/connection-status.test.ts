// What is remembered of connections: through many writers, over changed definitions, and when the file is damaged.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createStatusStore, digestOf, statusOf } from '../../engine/connection-status.ts';

const { signal } = new AbortController();
let folder: string;
const file = () => join(folder, 'state', 'connections.json');
const open = () => createStatusStore(join(folder, 'state'));

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pipe-status-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('the store', () => {
  it('remembers, privately, and forgets', async () => {
    const store = open();
    expect(store.read()).toEqual({});
    await store.write(['a', 'b'], () => ({ ok: true }), { signal });
    await store.write('a', (before) => ({ ...before, code: 'X' }), { signal });
    expect(open().read()).toEqual({ a: { ok: true, code: 'X' }, b: { ok: true } });
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    await store.write('a', () => undefined, { signal });
    expect(open().read()).toEqual({ b: { ok: true } });
  });

  it('loses nothing when many write at once', async () => {
    const stores = [open(), open(), open()];
    await Promise.all(
      Array.from({ length: 60 }, (_, i) =>
        stores[i % 3]!.write(`key-${i}`, () => ({ ok: true }), { signal: new AbortController().signal }),
      ),
    );
    expect(Object.keys(open().read())).toHaveLength(60);
  });

  it('writes down a use once in a minute', async () => {
    const store = open();
    await store.used(['a'], { signal });
    const { ino } = statSync(file());
    await store.used(['a'], { signal });
    expect(statSync(file()).ino).toBe(ino);
    await store.write('a', () => ({ used: '2026-01-01T00:00:00.000Z', ok: true }), { signal });
    await store.used(['a'], { signal });
    expect(store.read().a).toMatchObject({ ok: true, used: expect.not.stringContaining('2026-01-01') });
  });

  it('that cannot be read is told, but does not fail a run', async () => {
    await open().used(['a'], { signal });
    writeFileSync(file(), '{"version":1,"connec');
    expect(() => open().read()).toThrow(/cannot be changed: it is no state of connections; remove it/);
    await open().used(['a'], { signal });
    expect(readFileSync(file(), 'utf8')).toBe('{"version":1,"connec');
  });
});

describe('the status', () => {
  const definition = { connector: 'http', base_url: 'https://a.example', auth: 'bearer', token: 'one' };
  const verified = { ok: true, digest: digestOf({ definition }), verified: '2026-01-01T00:00:00.000Z' };

  it.each<[string, object, object, string]>([
    ['never tried', definition, {}, 'unverified'],
    ['tried and well', definition, verified, 'ok'],
    ['tried and not', definition, { ...verified, ok: false, code: 'HTTP_STATUS', reason: 'no' }, 'failing'],
    ['changed since', { ...definition, base_url: 'https://b.example' }, verified, 'unverified'],
    ['with another title', { ...definition, title: 'B' }, verified, 'ok'],
    ['disabled', { ...definition, disabled: true }, verified, 'disabled'],
  ])('%s', (_, now, record, status) => {
    expect(statusOf({ definition: now as never }, record).status).toBe(status);
  });

  it('tells nothing of a secret', () => {
    expect(digestOf({ definition: { ...definition, token: 'two' } })).toBe(digestOf({ definition }));
  });
});
