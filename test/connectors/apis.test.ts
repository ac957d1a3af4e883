// The manifests that come with the package: each is valid, complete, and every expression in it can be filled.
import { describe, expect, onTestFinished, test } from 'vitest';
import { connectors } from '../../connectors/index.ts';
import { checkManifest } from '../../connectors/rest/check.ts';
import type { AnyConnection } from '../../engine/contracts/connector.ts';
import type { Row, RowStream } from '../../engine/contracts/data.ts';
import { Failure } from '../../engine/errors.ts';
import { credentialOf } from '../../engine/secret.ts';
import { apis } from '../../schemas/generated/apis.ts';
import type { Manifest, ManifestResource } from '../../schemas/generated/types.ts';
import { validators } from '../../schemas/generated/validators.ts';
import { connectorContext, never } from '../conformance/files.ts';
import { collect } from '../conformance/streams.ts';
import { startHttpServer } from '../servers/http.ts';

/** A value for every filter, whatever its type. */
function everyFilter(resource: ManifestResource): Row {
  const values = { integer: 1, number: 1, boolean: true, date: '2026-01-31', array: ['a'], string: 'a' };
  return Object.fromEntries(
    Object.entries(resource.filters ?? {}).map(([name, { type = 'string', enum: choices }]) => [
      name,
      (choices?.[0] as string) ?? (type === 'date-time' ? '2026-01-31T00:00:00Z' : values[type]),
    ]),
  );
}

/** The least that the service could answer: one record with a key and nothing else, or none. */
function answerOf(manifest: Manifest, resource: ManifestResource): unknown {
  const pointer = resource.records ?? manifest.records ?? '';
  const record = Object.fromEntries(
    [resource.key ?? 'id'].flat().map((name) => {
      const column = resource.columns?.[name];
      const type = typeof column === 'object' ? column.type : column;
      return [name, type === 'integer' ? 7 : '7'];
    }),
  );
  const records = resource.arrays === true ? [['a'], ['1']] : [record];
  if (pointer === '') return records;
  return pointer
    .slice(1)
    .split('/')
    .reduceRight<unknown>((inner, name) => ({ ok: true, [name]: inner }), records);
}

const names = Object.keys(apis);

test('there is a manifest for each service that is promised', () => {
  expect(names).toEqual(
    expect.arrayContaining(
      'twilio github slack stripe shopify hubspot airtable notion klaviyo gorgias sendgrid google-sheets'.split(' '),
    ),
  );
});

describe.each(names)('%s', (name) => {
  test('is a valid manifest', async () => {
    const { validate } = await validators.manifest();
    expect(validate(await apis[name]!()) ? [] : validate.errors).toEqual([]);
  });

  test('names only what it has', async () => {
    const mistakes: unknown[] = [];
    checkManifest(await apis[name]!(), (mistake) => mistakes.push(mistake));
    expect(mistakes).toEqual([]);
  });

  test('every resource can be read and written as it says', async () => {
    const manifest = await apis[name]!();
    const server = await startHttpServer();
    let answer: unknown;
    server.otherwise((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    });
    const fields = Object.keys(manifest.fields ?? {});
    const connector = await connectors[name as keyof typeof connectors]();
    const connection: AnyConnection = connector.open(
      { ...Object.fromEntries(fields.map((field) => [field, 'x'])), base_url: `${server.url}/` } as never,
      connectorContext(name, {
        credential: credentialOf({ ...Object.fromEntries(fields.map((field) => [field, 'x'])), access_token: 'x' }),
      }),
    );
    onTestFinished(async () => {
      await connection.close();
      await server.close();
    });
    answer = { ok: true };
    expect(await connection.verify({ signal: never })).toEqual({ ok: true });
    for (const [path, resource] of Object.entries(manifest.resources)) {
      answer = answerOf(manifest, resource);
      if (resource.parent !== undefined) continue;
      const stream = (await connection.read!(path, { signal: never, filters: everyFilter(resource) })) as RowStream;
      const iterator = stream.batches[Symbol.asyncIterator]();
      expect((await iterator.next()).value.rows, path).toHaveLength(1);
      await iterator.return?.();
      expect(server.received.at(-1)!.url, path).not.toContain('${');
      for (const [mode, way] of [
        ['append', resource.create],
        ['upsert', resource.upsert ?? resource.update],
      ] as const) {
        if (way === undefined) continue;
        answer = { ok: true };
        const rows: RowStream = {
          kind: 'rows',
          batches: (async function* () {
            yield { rows: [{ id: 'r1', email: 'a@example.com', properties: {} }] };
          })(),
        };
        const o = { signal: never, mode, key: ['id'], beforeCommit: async () => {} };
        expect(await connection.write!(path, rows, o), path).toMatchObject({ rows: 1 });
      }
    }
  });

  test('what is refused comes in the words of the service', async () => {
    const manifest = await apis[name]!();
    const pointer = manifest.errors?.message;
    const server = await startHttpServer();
    const body = pointer
      ?.slice(1)
      .split('/')
      .reduceRight<unknown>((inner, key) => (key === '0' ? [inner] : { [key]: inner }), 'they say no');
    server.otherwise((_, response) => {
      response.writeHead(401, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
    const connector = await connectors[name as keyof typeof connectors]();
    const secrets = Object.keys(manifest.fields ?? {});
    const credential = credentialOf({ ...Object.fromEntries(secrets.map((field) => [field, 'x'])), access_token: 'x' });
    const connection: AnyConnection = connector.open(
      { base_url: `${server.url}/` } as never,
      connectorContext(name, { credential }),
    );
    onTestFinished(async () => {
      await connection.close();
      await server.close();
    });
    const [path, resource] = Object.entries(manifest.resources)[0]!;
    const read = connection.read!(path, { signal: never, filters: everyFilter(resource) }).then((stream) =>
      collect((stream as RowStream).batches),
    );
    const error = await read.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(Failure);
    expect(error).toMatchObject({ code: 'CREDENTIAL_REFUSED', message: expect.stringContaining('they say no') });
  });
});
