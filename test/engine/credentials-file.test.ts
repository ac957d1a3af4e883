// The credentials file: who may read it, which passphrase opens it, what damage does, and many writers.
import { createHash, randomUUID } from 'node:crypto';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFileStore, type FileStoreOptions } from '../../engine/credentials/file.ts';
import type { PassphraseQuestion } from '../../engine/credentials/passphrase.ts';
import { readPrivateFile, replaceFile } from '../../engine/credentials/replace.ts';
import { exitCode, type Failure } from '../../engine/errors.ts';
import { credentialOf, revealed } from '../../engine/secret.ts';
import { damagedFiles, killedWriters, manyWriters } from '../../scripts/campaign-credentials.ts';

const o = { signal: new AbortController().signal };
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pipe-file-store-'));
});
afterAll(() => rm(folder, { recursive: true }));

function place(options: Partial<FileStoreOptions> = {}) {
  const path = join(folder, randomUUID());
  const open = (more: Partial<FileStoreOptions> = {}) =>
    createFileStore({ path, environment: { PIPE_PASSPHRASE: 'correct horse' }, cost: 10, ...options, ...more });
  return { path, open };
}

async function failureOf(promise: Promise<unknown>): Promise<Failure> {
  return promise.then(
    () => Promise.reject(new Error('it did not fail')),
    (error: Failure) => error,
  );
}

describe('access', () => {
  it('makes file and folder for the user alone, and keeps nothing readable in it', async () => {
    const path = join(folder, 'a', 'b', 'credentials');
    const store = createFileStore({ path, environment: { PIPE_PASSPHRASE: 'p' }, cost: 10 });
    await store.put('my-database', credentialOf({ password: 'hunter2hunter2' }), o);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, 'a', 'b'))).mode & 0o777).toBe(0o700);
    const bytes = (await readFile(path)).toString('latin1');
    for (const text of ['hunter2', 'my-database', 'password']) expect(bytes).not.toContain(text);
    expect(await readdir(join(folder, 'a', 'b'))).toEqual(['credentials']);
  });

  it.each([0o640, 0o604, 0o620, 0o777])('refuses a file with mode %o', async (mode) => {
    const { path, open } = place();
    await open().put('a1', credentialOf({ password: 'x' }), o);
    await chmod(path, mode);
    for (const use of [open().get('a1', o), open().put('a1', {}, o)]) {
      const error = await failureOf(use);
      expect(error).toMatchObject({ code: 'STORE_EXPOSED', data: { path, mode: mode.toString(8).padStart(4, '0') } });
      expect(error.message).toContain(`chmod 600 ${path}`);
      expect(exitCode(error)).toBe(3);
    }
    await chmod(path, 0o600);
    expect(await open().get('a1', o)).toBeDefined();
  });

  it('needs no passphrase while there is no file', async () => {
    const { open } = place({ environment: {} });
    expect(await open().get('a1', o)).toBeUndefined();
    await open().remove('a1', o);
    for await (const name of open().names(o)) expect(name).toBeUndefined();
  });

  it('writes through a symbolic link to its target', async () => {
    const { path, open } = place();
    const target = join(folder, randomUUID());
    await writeFile(target, '');
    await rm(target);
    await open({ path: target }).put('a1', credentialOf({ password: '1' }), o);
    await symlink(target, path);
    await open().put('a1', credentialOf({ password: '2' }), o);
    expect((await lstat(path)).isSymbolicLink()).toBe(true);
    expect(revealed((await open({ path: target }).get('a1', o))!.fields)).toEqual({ password: '2' });
  });

  it('says what is in the way of its folder', async () => {
    const { path, open } = place();
    await writeFile(path, 'a file');
    const error = await failureOf(open({ path: join(path, 'credentials') }).put('a1', {}, o));
    expect(error.message).toContain(path);
    expect(['NOT_FOUND', 'IO_FAILED']).toContain(error.code);
  });
});

describe('passphrase', () => {
  it('comes from a file first, and the end of its line does not count', async () => {
    const passphraseFile = join(folder, 'passphrase');
    await writeFile(passphraseFile, 'from a file\r\n', { mode: 0o600 });
    const { open } = place();
    await open({ passphraseFile }).put('a1', credentialOf({ password: 'x' }), o);
    expect(await open({ environment: { PIPE_PASSPHRASE: 'from a file' } }).get('a1', o)).toBeDefined();
    await chmod(passphraseFile, 0o644);
    expect(await failureOf(open({ passphraseFile }).get('a1', o))).toMatchObject({ code: 'STORE_EXPOSED' });
    const missing = await failureOf(open({ passphraseFile: join(folder, 'none') }).get('a1', o));
    expect(missing.code).toBe('NOT_FOUND');
    expect(missing.message).toContain('passphrase_file');
  });

  it('is told from a damaged file when it is wrong', async () => {
    const { path, open } = place();
    await open().put('a1', credentialOf({ password: 'x' }), o);
    const wrong = open({ environment: { PIPE_PASSPHRASE: 'wrong' } });
    for (const use of [() => wrong.get('a1', o), () => wrong.put('a1', {}, o), () => wrong.remove('a1', o)]) {
      const error = await failureOf(use());
      expect(error).toMatchObject({ code: 'PASSPHRASE_WRONG', data: { path, source: 'PIPE_PASSPHRASE' } });
      expect(exitCode(error)).toBe(3);
    }
    expect(await open().get('a1', o)).toBeDefined();
  });

  it('is missing', async () => {
    const { path, open } = place();
    await open().put('a1', credentialOf({ password: 'x' }), o);
    for (const environment of [{}, { PIPE_PASSPHRASE: '' }]) {
      const error = await failureOf(open({ environment }).get('a1', o));
      expect(error).toMatchObject({ code: 'PASSPHRASE_MISSING', data: { path } });
      expect(error.message).toContain('PIPE_PASSPHRASE');
    }
    const given = await failureOf(open({ environment: {}, ask: async () => undefined }).get('a1', o));
    expect(given.code).toBe('PASSPHRASE_MISSING');
  });

  it('is asked for once by all who need it, and again when it is wrong, three times', async () => {
    const { path, open } = place({ environment: {} });
    const questions: PassphraseQuestion[] = [];
    const asking = (...answers: string[]) => ({
      ask: async (question: PassphraseQuestion) => {
        questions.push(question);
        return answers.shift();
      },
    });
    await open(asking('the right one')).put('a1', credentialOf({ password: 'x' }), o);
    expect(questions.splice(0)).toEqual([{ path, isNew: true, attempt: 1 }]);

    const store = open(asking('wrong', 'the right one'));
    const found = await Promise.all([store.get('a1', o), store.get('a1', o), store.put('b1', {}, o)]);
    expect(found[1]).toBeDefined();
    expect(questions.splice(0).map(({ isNew, attempt }) => [isNew, attempt])).toEqual([
      [false, 1],
      [false, 2],
    ]);

    const error = await failureOf(open(asking('a', 'b', 'c', 'the right one')).get('a1', o));
    expect(error).toMatchObject({ code: 'PASSPHRASE_WRONG', data: { source: 'the prompt' } });
    expect(questions).toHaveLength(3);
  });

  it('is the same in any Unicode form', async () => {
    const { open } = place();
    await open({ environment: { PIPE_PASSPHRASE: 'Schlüssel' } }).put('a1', credentialOf({ password: 'x' }), o);
    expect(await open({ environment: { PIPE_PASSPHRASE: 'Schlu\u0308ssel' } }).get('a1', o)).toBeDefined();
  });

  it('can be changed, and then only the new one opens it', async () => {
    const { path, open } = place();
    const store = open();
    const bystander = open();
    await store.put('a1', credentialOf({ password: 'x' }), o);
    expect(await bystander.get('a1', o)).toBeDefined();
    const before = await readFile(path);
    await store.changePassphrase('battery staple', o);
    const after = await readFile(path);
    expect(after.subarray(12, 28).equals(before.subarray(12, 28))).toBe(false);
    expect(revealed((await store.get('a1', o))!.fields)).toEqual({ password: 'x' });
    await store.put('b1', credentialOf({ password: 'y' }), o);
    expect(await failureOf(bystander.get('a1', o))).toMatchObject({ code: 'PASSPHRASE_WRONG' });
    const renewed = open({ environment: { PIPE_PASSPHRASE: 'battery staple' } });
    expect(revealed((await renewed.get('b1', o))!.fields)).toEqual({ password: 'y' });
    expect(await failureOf(store.changePassphrase('', o))).toMatchObject({ code: 'PASSPHRASE_MISSING' });
  });

  it('is turned into the same key only once in a process', async () => {
    const { open } = place({ cost: 16 });
    await open().put('a1', credentialOf({ password: 'x' }), o);
    const started = performance.now();
    for (let i = 0; i < 30; i += 1) await open().get('a1', o);
    const all = performance.now() - started;
    const once = performance.now();
    await failureOf(open({ environment: { PIPE_PASSPHRASE: 'wrong' } }).get('a1', o));
    expect(all).toBeLessThan((performance.now() - once) * 10);
  });
});

describe('layout', () => {
  it('refuses a file of a newer layout, and any other file', async () => {
    const { path, open } = place();
    await open().put('a1', credentialOf({ password: 'x' }), o);
    const bytes = await readFile(path);
    const newer = Buffer.from(bytes);
    newer[8] = 2;
    newer.set(createHash('sha256').update(newer.subarray(0, 56)).digest().subarray(0, 8), 56);
    await writeFile(path, newer);
    expect(await failureOf(open().get('a1', o))).toMatchObject({
      code: 'STORE_TOO_NEW',
      data: { version: 2, known: 1 },
    });
    await writeFile(path, 'connections:\n');
    const other = await failureOf(open().get('a1', o));
    expect(other).toMatchObject({ code: 'STORE_CORRUPT' });
    expect(await failureOf(open().put('a1', {}, o))).toMatchObject({ code: 'STORE_CORRUPT' });
    expect(await readFile(path, 'utf8')).toBe('connections:\n');
  });

  it('does not let a forged header take all memory', async () => {
    const { path, open } = place();
    await open().put('a1', credentialOf({ password: 'x' }), o);
    const forged = await readFile(path);
    forged[9] = 40;
    forged.set(createHash('sha256').update(forged.subarray(0, 56)).digest().subarray(0, 8), 56);
    await writeFile(path, forged);
    expect(await failureOf(open().get('a1', o))).toMatchObject({ code: 'STORE_CORRUPT' });
  });

  it('never uses a nonce twice', async () => {
    const { path, open } = place();
    const store = open();
    const nonces = new Set<string>();
    for (let i = 0; i < 20; i += 1) {
      await store.put('a1', credentialOf({ password: 'x' }), o);
      nonces.add((await readFile(path)).toString('hex', 28, 40));
    }
    expect(nonces.size).toBe(20);
  });
});

describe('writers', () => {
  it('does again what another overtook', async () => {
    const path = join(folder, 'overtaken');
    const seen: (string | undefined)[] = [];
    await replaceFile(path, o.signal, () => ({ bytes: Buffer.from('first'), result: 0 }));
    const result = await replaceFile(path, o.signal, (before) => {
      seen.push(before?.toString());
      if (seen.length === 1) {
        // As a second writer does that took the lock for stale: it removes our new file, and puts its own in place.
        for (const name of readdirSync(folder)) if (name.startsWith('.overtaken.new-')) rmSync(join(folder, name));
        writeFileSync(path, 'second', { mode: 0o600 });
      }
      return { bytes: Buffer.from(`${before} and mine`), result: seen.length };
    });
    expect(seen).toEqual(['first', 'second']);
    expect(result).toBe(2);
    expect(readPrivateFile(path)?.toString()).toBe('second and mine');
  });

  it('take over the lock and clear the remains of a killed one', async () => {
    const { path, open } = place();
    await open().put('a1', credentialOf({ password: 'x' }), o);
    await mkdir(`${path}.lock`);
    const remains = join(folder, `.${path.slice(folder.length + 1)}.new-1-abc`);
    await writeFile(remains, 'half', { mode: 0o600 });
    const started = performance.now();
    await open().put('b1', credentialOf({ password: 'y' }), o);
    expect(performance.now() - started).toBeLessThan(10_000);
    await expect(stat(remains)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await open().get('a1', o)).toBeDefined();
  });

  it('stop waiting for the lock when the signal is aborted', async () => {
    const { path, open } = place();
    const store = open();
    await store.put('a1', credentialOf({ password: 'x' }), o);
    await mkdir(`${path}.lock`);
    const waiting = store.put('a1', credentialOf({ password: 'y' }), { signal: AbortSignal.timeout(50) });
    await expect(waiting).rejects.toMatchObject({ name: 'TimeoutError' });
    await store.put('b1', credentialOf({ password: 'z' }), o);
    expect(revealed((await store.get('a1', o))!.fields)).toEqual({ password: 'x' });
    await mkdir(`${path}.lock`);
    const impatient = store.put('a1', credentialOf({ password: 'y' }), { signal: AbortSignal.timeout(50) });
    const patient = store.put('c1', credentialOf({ password: 'c' }), o);
    await expect(impatient).rejects.toMatchObject({ name: 'TimeoutError' });
    await patient;
    expect(revealed((await store.get('a1', o))!.fields)).toEqual({ password: 'x' });
    expect(revealed((await store.get('c1', o))!.fields)).toEqual({ password: 'c' });
  });

  it('at once in several processes lose nothing', async () => {
    const { failed } = await manyWriters({ processes: 3, each: 30, cost: 10 });
    expect(failed).toEqual([]);
  }, 120_000);

  it('killed at any moment leave the old or the new state', async () => {
    const { failed } = await killedWriters({ kills: 4, lanes: 2, cost: 10 });
    expect(failed).toEqual([]);
  }, 120_000);

  it('do not read a damaged file', async () => {
    const { failed, tried } = await damagedFiles({ credentials: 5, offsets: 100_000, cost: 10 });
    expect(failed).toEqual([]);
    expect(tried).toBeGreaterThan(400);
  }, 120_000);
});
