// validate: records that fit their JSON Schema pass, the others end up where the task says.
import { describe, expect, it } from 'vitest';
import type { Row } from '../../../engine/contracts/data.ts';
import { collect, columnsOf, createFiles, failureOf, rowsOf, run } from './context.ts';

const schema = {
  required: ['id'],
  properties: {
    id: { type: 'integer', minimum: 1 },
    mail: { type: 'string', format: 'email' },
    tags: { items: { enum: ['a', 'b'] } },
  },
  additionalProperties: false,
};
const good: Row[] = [{ id: 1 }, { id: 2, mail: 'a@b.example', tags: ['a', 'b'] }];

describe('validate', () => {
  it('lets good records through as they are', async () => {
    const { output } = await run('validate', { schema }, rowsOf(good, columnsOf({ id: 'integer' })));
    expect(output).toMatchObject({ columns: [{ name: 'id' }] });
    expect(await collect(output)).toEqual(good);
  });

  it.each<[Row, string]>([
    [{ id: 0 }, '/id must be >= 1'],
    [{ id: '1' }, '/id must be integer'],
    [{}, 'it has no "id"'],
    [{ id: 1, x: 1 }, 'it has "x", which is not allowed'],
    [{ id: 1, mail: 'nobody' }, '/mail must match format "email"'],
    [{ id: 1, tags: ['a', 'c'] }, '/tags/1 must be one of "a", "b"'],
  ])('says what is wrong with %j and where', async (row, reason) => {
    const { output } = await run('validate', { schema }, rowsOf([...good, row]));
    expect(await failureOf(collect(output))).toBe(`RECORD_INVALID record 3: ${reason}`);
  });

  it('skips and counts bad records', async () => {
    const rows = [...good, { id: 0 }, { id: 3 }, {}];
    const { output, figures, events } = await run(
      'validate',
      { schema, on_reject: 'skip' },
      rowsOf(rows, undefined, 4),
    );
    expect(await collect(output)).toEqual([...good, { id: 3 }]);
    expect(figures.rejected).toBe(2);
    expect(events).toMatchObject([
      { type: 'record.rejected', position: 3, reason: '/id must be >= 1' },
      { type: 'record.rejected', position: 5, reason: 'it has no "id"' },
    ]);
  });

  it('keeps bad records in a file', async () => {
    const files = createFiles();
    const rows = [...good, { id: 0 }];
    const { output, done } = await run('validate', { schema, on_reject: 'bad.ndjson' }, rowsOf(rows), { files });
    expect(await collect(output)).toEqual(good);
    await done;
    expect(files.text('bad.ndjson')).toBe('{"position":3,"reason":"/id must be >= 1","record":{"id":0}}\n');
  });

  it('ends with the failure of the file that bad records cannot be written to', async () => {
    const files = createFiles({ out: 'a file' });
    const rows = Array.from({ length: 10 }, () => ({ id: 0 }));
    const { output, done } = await run('validate', { schema, on_reject: 'out/bad.ndjson' }, rowsOf(rows), { files });
    const [next, work] = await Promise.all([failureOf(collect(output)), failureOf(done)]);
    expect(work).toMatch(/^PATH_INVALID/);
    expect(next).toMatch(/^PATH_INVALID/);
  });

  it('reads its schema from a file', async () => {
    const files = createFiles({ 'order.schema.json': JSON.stringify(schema), 'bad.json': '{', 'text.json': '"x"' });
    const { output } = await run('validate', { schema: 'order.schema.json' }, rowsOf([{ id: 0 }]), { files });
    expect(await failureOf(collect(output))).toBe('RECORD_INVALID record 1: /id must be >= 1');
    const from = (path: string) => failureOf(run('validate', { schema: path }, rowsOf([]), { files }));
    expect(await from('none.json')).toMatch(/^NOT_FOUND/);
    expect(await from('bad.json')).toMatch(/^SCHEMA_INVALID bad\.json: the JSON Schema is no JSON:/);
    expect(await from('text.json')).toBe('SCHEMA_INVALID task 1 (validate): the JSON Schema is no object');
  });

  it('refuses a schema with a mistake in it, but not one with annotations', async () => {
    const with_ = (made: object) => failureOf(run('validate', { schema: made }, rowsOf([])));
    expect(await with_({ requird: ['id'] })).toBe(
      'SCHEMA_INVALID task 1 (validate): the JSON Schema cannot be used: unknown keyword: "requird"',
    );
    expect(await with_({ properties: { id: { type: 'int' } } })).toMatch(/^SCHEMA_INVALID/);
    expect(await with_({ $ref: 'https://example.com/schema.json' })).toMatch(/^SCHEMA_INVALID/);
    expect(await with_({ title: 'T', 'x-owner': 'me', properties: { id: { 'x-unit': 'm' } } })).toBe('no failure');
  });

  it('knows large integers and bytes, at any depth, and leaves them as they are', async () => {
    const rows: Row[] = [{ big: 9007199254740993n, deep: { list: [1n] }, bytes: new Uint8Array([1]) }];
    const made = {
      properties: {
        big: { type: 'integer' },
        deep: { properties: { list: { items: { type: 'integer' } } } },
        bytes: { type: 'string', pattern: '^.x01$' },
      },
    };
    const { output } = await run('validate', { schema: made }, rowsOf(rows));
    expect(await collect(output)).toEqual(rows);
  });

  it('decodes files that come in', async () => {
    const files = createFiles({ 'a.ndjson': '{"id":1}\n{"id":0}\n' });
    const { output } = await run('read', { path: 'a.ndjson' }, undefined, { files });
    const checked = await run('validate', { schema, on_reject: 'skip' }, output);
    expect(await collect(checked.output)).toEqual([{ id: 1 }]);
  });
});
