// Changing a file with connections: what is not changed stays as the user wrote it.
import { setMaxListeners } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ConnectionEditor, editConnections } from '../../engine/connection-file.ts';

const { signal } = new AbortController();
setMaxListeners(0, signal);
let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pipe-file-'));
  path = join(folder, 'pipewright.yaml');
});
afterEach(() => rmSync(folder, { recursive: true }));

/** The file after an edit of one that held `before`. */
async function edited(before: string, edit: (editor: ConnectionEditor) => void): Promise<string> {
  writeFileSync(path, before);
  await editConnections(path, edit, { signal, shared: true });
  return readFileSync(path, 'utf8');
}

const file = `# yaml-language-server: $schema=x
# Our project.

credentials: [ env,   keytar ]   # in this order

connections:
  # The shop's database.
  shop:
    connector: http      # over the proxy
    base_url: "https://a.example"

    headers: {accept: text/csv}
  lake:   { connector: local, root: data }   # files

settings: {}
# the end
`;

describe('an edit', () => {
  it('sets a field and leaves every other line alone', async () => {
    expect(await edited(file, (editor) => editor.set('shop', 'auth', 'bearer'))).toBe(
      file.replace('    headers: {accept: text/csv}\n', '    headers: {accept: text/csv}\n    auth: bearer\n'),
    );
  });

  it('changes a field in its place', async () => {
    const after = await edited(file, (editor) => editor.set('shop', 'base_url', 'https://b.example'));
    expect(after).toBe(file.replace('https://a.example', 'https://b.example'));
  });

  it('takes a field out', async () => {
    const after = await edited(file, (editor) => editor.set('shop', 'base_url', undefined));
    expect(after).not.toContain('base_url');
    expect(after).toContain('# over the proxy');
    expect(after.split('\n').slice(0, 8)).toEqual(file.split('\n').slice(0, 8));
  });

  it('adds a connection at the end, before what follows', async () => {
    const after = await edited(file, (editor) => editor.put('new', { connector: 'http', eid: 'g98ffn156zsj' }));
    expect(after).toBe(file.replace('# files\n', '# files\n  new:\n    connector: http\n    eid: g98ffn156zsj\n'));
  });

  it('removes a connection, and only that', async () => {
    const after = await edited(file, (editor) => editor.remove('shop'));
    expect(after).not.toContain('shop:');
    expect(after).toContain('  lake:   { connector: local, root: data }   # files\n');
    expect(after).toContain('# the end\n');
  });

  it('renames a connection', async () => {
    const after = await edited(file, (editor) => editor.rename('shop', 'store'));
    expect(after).toBe(file.replace('  shop:\n', '  store:\n'));
  });

  it('that changes nothing writes nothing', async () => {
    writeFileSync(path, file);
    const { mtimeMs, ino } = statSync(path);
    await editConnections(path, (editor) => editor.set('shop', 'nothing', undefined), { signal, shared: true });
    expect(statSync(path)).toMatchObject({ mtimeMs, ino });
    expect(readFileSync(path, 'utf8')).toBe(file);
  });

  it('that throws writes nothing', async () => {
    writeFileSync(path, file);
    const edit = editConnections(
      path,
      (editor) => {
        editor.remove('shop');
        throw new Error('enough');
      },
      { signal, shared: true },
    );
    await expect(edit).rejects.toThrow('enough');
    expect(readFileSync(path, 'utf8')).toBe(file);
  });

  it('keeps line ends of another system, and wide indentation', async () => {
    const windows = 'connections:\r\n    shop:\r\n        connector: http\r\n    lake:\r\n        connector: local\r\n';
    expect(await edited(windows, (editor) => editor.set('shop', 'auth', 'none'))).toBe(
      'connections:\r\n    shop:\r\n        connector: http\r\n        auth: none\r\n    lake:\r\n        connector: local\r\n',
    );
  });

  it('keeps texts as they are written that would read as something else', async () => {
    const after = await edited('connections:\n  shop: { connector: http }\n', (editor) => {
      editor.set('shop', 'title', 'yes: #1');
      editor.set('shop', 'description', '007');
    });
    const { connections } = await import('yaml').then(({ parse }) => parse(after));
    expect(connections.shop).toEqual({ connector: 'http', title: 'yes: #1', description: '007' });
  });

  it.each([
    ['an empty file', ''],
    ['a file with comments only', '# nothing yet\n'],
    ['no connections yet', 'settings: {}\n'],
    ['connections without a value', 'connections:\n'],
    ['JSON', '{ "connections": { } }\n'],
  ])('begins in %s', async (_, before) => {
    const after = await edited(before, (editor) => editor.put('shop', { connector: 'http' }));
    const { parse } = await import('yaml');
    expect(parse(after)).toMatchObject({ connections: { shop: { connector: 'http' } } });
    if (before.startsWith('#')) expect(after).toContain('# nothing yet');
  });
});

describe('a file', () => {
  it('is made, private unless it is shared', async () => {
    await editConnections(join(folder, 'a', 'own.yaml'), (editor) => editor.put('shop', { connector: 'http' }), {
      signal,
      head: '# Yours.\n',
    });
    expect(readFileSync(join(folder, 'a', 'own.yaml'), 'utf8')).toMatch(/^# Yours\.\n/);
    expect(statSync(join(folder, 'a', 'own.yaml')).mode & 0o777).toBe(0o600);
  });

  it('keeps its mode when it is shared', async () => {
    writeFileSync(path, file);
    chmodSync(path, 0o664);
    await editConnections(path, (editor) => editor.remove('shop'), { signal, shared: true });
    expect(statSync(path).mode & 0o777).toBe(0o664);
  });

  it.each([
    ['that cannot be read as YAML', 'connections:\n  a: b: c\n', 2],
    ['with one alias twice', 'connections:\n  a: { connector: http }\n  a: { connector: http }\n', 3],
  ])('%s is left alone, with the line', async (_, text, line) => {
    writeFileSync(path, text);
    const edit = editConnections(path, (editor) => editor.put('shop', { connector: 'http' }), { signal, shared: true });
    await expect(edit).rejects.toMatchObject({ code: 'CONNECTIONS_UNREADABLE', data: { path, line } });
    expect(readFileSync(path, 'utf8')).toBe(text);
  });

  it('whose connection is a YAML alias is left to its user', async () => {
    const text = 'connections:\n  a: &a { connector: http }\n  b: *a\n';
    writeFileSync(path, text);
    const edit = editConnections(path, (editor) => editor.set('b', 'title', 'x'), { signal, shared: true });
    await expect(edit).rejects.toMatchObject({ code: 'CONNECTIONS_UNREADABLE' });
    const removed = editConnections(path, (editor) => editor.remove('a'), { signal, shared: true });
    await expect(removed).rejects.toMatchObject({ code: 'CONNECTIONS_UNREADABLE' });
    expect(readFileSync(path, 'utf8')).toBe(text);
  });

  it('loses nothing when many change it at once', async () => {
    const names = Array.from({ length: 40 }, (_, i) => `api-${i}`);
    await Promise.all(
      names.map((name) =>
        editConnections(path, (editor) => editor.put(name, { connector: 'http' }), { signal, shared: true }),
      ),
    );
    const { parse } = await import('yaml');
    expect(Object.keys(parse(readFileSync(path, 'utf8')).connections).sort()).toEqual(names.sort());
  });
});
