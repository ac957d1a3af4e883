// write to many files: by the values of records, in parts, all at once or not at all.
import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect, onTestFinished, test } from 'vitest';
import { ownEngine } from '../../engine/own-engine.ts';

const orders = [
  { id: 1, day: '2026-01-01', region: 'north' },
  { id: 2, day: '2026-01-02', region: 'south' },
  { id: 3, day: '2026-01-01', region: 'south' },
  { id: 4, day: '2026-01-02', region: 'south' },
];

function filesIn(folder: string): Record<string, string> {
  const found = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    found
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => {
        const bytes = readFileSync(path);
        return [relative(folder, path), (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString()];
      }),
  );
}

async function written(rows: readonly object[], write: Record<string, unknown>, between: object[] = []) {
  const own = ownEngine();
  onTestFinished(() => own.close());
  own.put('rows.ndjson', rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const temporary = () => readdirSync(tmpdir()).filter((name) => name.startsWith('pipewright-write-'));
  const before = temporary();
  const pipe = {
    name: 'many',
    connections: { lake: { connector: 'local', root: join(own.folder, 'lake') } },
    tasks: [{ op: 'read', path: `file://${own.folder}/rows.ndjson` }, ...between, { op: 'write', ...write }],
  };
  own.put('lake/kept', 'kept');
  const report = await own.engine.run(pipe as never).result.catch((error) => ({ status: 'failed', error }));
  expect(temporary().filter((name) => !before.includes(name))).toEqual([]);
  const { kept, ...files } = filesIn(join(own.folder, 'lake'));
  expect(kept).toBe('kept');
  return { report: report as { status: string; error?: { code: string; message: string } }, files };
}

test('a file for each value, with its header once', async () => {
  const { report, files } = await written(orders, { path: '/lake/dt=${record.day}/${record.region}.csv' });
  expect(report).toMatchObject({ status: 'done' });
  expect(files).toEqual({
    'dt=2026-01-01/north.csv': 'id,day,region\n1,2026-01-01,north\n',
    'dt=2026-01-01/south.csv': 'id,day,region\n3,2026-01-01,south\n',
    'dt=2026-01-02/south.csv': 'id,day,region\n2,2026-01-02,south\n4,2026-01-02,south\n',
  });
});

test.each([
  [1, 4],
  [3, 2],
  [4, 1],
])('parts of %i rows: %i files', async (rows, count) => {
  const { files } = await written(orders, { path: '/lake/out/part-${part}.csv.gz', split: { rows } });
  expect(Object.keys(files)).toEqual(Array.from({ length: count }, (_, i) => `out/part-${i + 1}.csv.gz`));
  const ids = Object.values(files).flatMap((text) =>
    text
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => Number(line.split(',')[0])),
  );
  expect(ids.sort()).toEqual([1, 2, 3, 4]);
});

test('parts are counted for each value, and cut by bytes too', async () => {
  const many = Array.from({ length: 2000 }, (_, i) => ({
    id: i,
    region: i % 2 ? 'north' : 'south',
    text: 'x'.repeat(100),
  }));
  const { files } = await written(many, { path: '/lake/${record.region}-${part}.ndjson', split: { bytes: '50KB' } });
  expect(Object.keys(files).sort()).toEqual([
    'north-1.ndjson',
    'north-2.ndjson',
    'north-3.ndjson',
    'south-1.ndjson',
    'south-2.ndjson',
    'south-3.ndjson',
  ]);
  expect(Math.max(...Object.values(files).map((text) => text.length))).toBeLessThan(70_000);
  const ids = Object.values(files).flatMap((text) =>
    text
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { id: number }).id),
  );
  expect(ids.sort((a, b) => a - b)).toEqual(many.map(({ id }) => id));
});

test.each([1, 2, 64])(
  'more files than may be open: %i',
  async (open) => {
    const many = Array.from({ length: 1500 }, (_, i) => ({ id: i, shard: `s${i % 70}` }));
    const { files } = await written(many, { path: '/lake/${record.shard}.csv', open_files: open });
    expect(Object.keys(files)).toHaveLength(70);
    for (const [name, text] of Object.entries(files)) {
      const [header, ...lines] = text.trim().split('\n');
      expect(header).toBe('id,shard');
      expect(lines.every((line) => line.endsWith(`,${name.slice(0, -4)}`))).toBe(true);
    }
    expect(Object.values(files).join('').match(/^\d+,/gm)).toHaveLength(1500);
  },
  60_000,
);

test.each(['../out', 'a/b', '', '.', '..', 'a\\b', 'nul\0', 'line\nbreak'])(
  'a value that is no name: %j',
  async (region) => {
    const { report, files } = await written([...orders, { id: 5, day: 'x', region }], {
      path: '/lake/${record.region}/a.csv',
    });
    expect(report).toMatchObject({
      status: 'failed',
      error: { code: 'PATH_INVALID', message: expect.stringContaining('record.region') },
    });
    expect(files).toEqual({});
  },
);

test.each([[null], [[1]], [{ a: 1 }]])('a value that is no text: %j', async (region) => {
  const { report, files } = await written([...orders, { id: 5, region }], { path: '/lake/${record.region}.csv' });
  expect(report).toMatchObject({ status: 'failed', error: { code: 'PATH_INVALID' } });
  expect(files).toEqual({});
});

test('pieces that only together lead out', async () => {
  const { report, files } = await written([{ a: 'x', b: '.' }], { path: '/lake/in/.${record.b}/${record.a}.csv' });
  expect(report).toMatchObject({ status: 'failed', error: { code: 'PATH_INVALID' } });
  expect(files).toEqual({});
});

test.each([
  ['North', 'north'],
  ['\u00e9', 'e\u0301'],
])('%j and %j are not made one file', async (one, other) => {
  const { report, files } = await written(
    [
      { id: 1, region: one },
      { id: 2, region: other },
    ],
    { path: '/lake/${record.region}.csv' },
  );
  expect(report).toMatchObject({
    status: 'failed',
    error: { code: 'PATH_INVALID', message: expect.stringContaining('one file') },
  });
  expect(files).toEqual({});
});

test('a record that fails takes all files with it', async () => {
  const between = [{ op: 'set', values: { half: '${record.id == 0 ? record.gone : 1}' } }];
  const { report, files } = await written(
    [...orders, { id: 0, day: 'x', region: 'y' }],
    { path: '/lake/${record.region}.csv' },
    between,
  );
  expect(report.status).toBe('failed');
  expect(files).toEqual({});
});

test('what cannot be', async () => {
  const refused = async (write: Record<string, unknown>) => (await written(orders, write)).report.error?.code;
  expect(await refused({ path: '/lake/${record.region}.csv', mode: 'append' })).toBe('OPTION_UNSUPPORTED');
  expect(await refused({ path: '/lake/${record.region}.csv', split: { rows: 2 } })).toBe('OPTION_UNSUPPORTED');
  expect(await refused({ path: '/lake/a.csv', split: { rows: 2 } })).toBe('OPTION_UNSUPPORTED');
  expect(await refused({ path: '/lake/${part + 1}.csv' })).toBe('OPTION_UNSUPPORTED');
});

test('a JSON array of more rows than are held, beside another', async () => {
  const rows = Array.from({ length: 5000 }, (_, id) => ({ id, big: '12345678901234567890', half: id % 2 }));
  const { report, files } = await written(rows, { path: '/lake/${record.half}.json', open_files: 1 });
  expect(report).toMatchObject({ status: 'done' });
  for (const half of [0, 1]) {
    expect(JSON.parse(files[`${half}.json`]!)).toEqual(rows.filter((row) => row.half === half));
  }
});

test('JSON arrays cut by their bytes', async () => {
  const rows = Array.from({ length: 400 }, (_, id) => ({ id, text: 'x'.repeat(90) }));
  const { report, files } = await written(rows, { path: '/lake/${part}.json.gz', split: { bytes: '10KB' } });
  expect(report).toMatchObject({ status: 'done' });
  const parts = Object.keys(files).sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10));
  expect(parts.length).toBeGreaterThan(2);
  expect(parts.flatMap((name) => JSON.parse(files[name]!))).toEqual(rows);
});
