// What is said of a manifest whose shape is right, and that could not work or would let a secret out.
import { expect, test } from 'vitest';
import { checkManifest } from '../../connectors/rest/check.ts';
import type { Mistake } from '../../engine/report.ts';
import type { Manifest } from '../../schemas/generated/types.ts';

const right: Manifest = {
  name: 'our-crm',
  title: 'Our CRM',
  base_url: 'https://${config.region}.example.com/',
  fields: { region: {}, token: { secret: true } },
  auth: { kind: 'bearer', token: '${config.token}' },
  resources: {
    contacts: {
      path: 'contacts',
      filters: { since: {}, until: {} },
      query: { from: '${filters.since}', shared: '${config.?unknown}' },
      cursor: { field: 'at', filter: 'since' },
      partition: { from: 'since', to: 'until' },
      columns: { at: 'timestamptz' },
      create: { path: 'contacts', body: { all: '${records}' } },
    },
    deals: { path: 'contacts/${parent.id}/deals', parent: { resource: 'contacts' } },
  },
};

function mistakesOf(changes: Partial<Manifest>): Mistake[] {
  const found: Mistake[] = [];
  checkManifest({ ...right, ...changes }, (mistake) => found.push(mistake));
  return found;
}

const contacts = (changes: object): Partial<Manifest> => ({
  resources: { ...right.resources, contacts: { ...right.resources.contacts!, ...changes } },
});
const deals = (changes: object): Partial<Manifest> => ({
  resources: { ...right.resources, deals: { ...right.resources.deals!, ...changes } },
});
const oauth = { kind: 'oauth2', token_url: 'http://login.example.com/token' } as const;

test('nothing is said of one that is right', () => {
  expect(mistakesOf({})).toEqual([]);
  expect(mistakesOf({ base_url: 'http://127.0.0.1:8080/' })).toEqual([]);
  expect(mistakesOf({ base_url: 'http://localhost/' })).toEqual([]);
  expect(mistakesOf({ allowed_hosts: ['*.example.com'] })).toEqual([]);
  expect(mistakesOf({ base_url: 'http://open.example.com/', fields: { region: {} }, auth: { kind: 'none' } })).toEqual(
    [],
  );
});

test.each<[string, Partial<Manifest>, string, string, string]>([
  [
    'a field that a connection does not have',
    { base_url: 'https://${config.regin}.example.com/' },
    'UNKNOWN_NAME',
    '/base_url',
    'there is no field "regin"; did you mean "region"?',
  ],
  [
    'a filter that the resource does not have',
    contacts({ query: { from: '${filters.sinc}' } }),
    'UNKNOWN_NAME',
    '/resources/contacts/query/from',
    'there is no filter "sinc"; did you mean "since"?',
  ],
  [
    'a filter where there are none',
    deals({ query: { from: '${filters.since}' } }),
    'UNKNOWN_NAME',
    '/resources/deals/query/from',
    'there is no filter "since"; it has none',
  ],
  [
    'the parent of a resource without one',
    contacts({ path: 'contacts/${parent.id}' }),
    'UNKNOWN_NAME',
    '/resources/contacts/path',
    'there is no name "parent"',
  ],
  [
    'the record where something is read',
    contacts({ body: { id: '${record.id}' } }),
    'NAME_OUT_OF_SCOPE',
    '/resources/contacts/body/id',
    '"record"',
  ],
  [
    'all records in the path of a write',
    contacts({ create: { path: '${records}' } }),
    'UNKNOWN_NAME',
    '/resources/contacts/create/path',
    '"records"',
  ],
  [
    'an expression that cannot be read',
    contacts({ headers: { a: 'x ${1 +} y' } }),
    'EXPRESSION_SYNTAX',
    '/resources/contacts/headers/a',
    'something is missing after "+"',
  ],
  [
    'an unknown name in what tells an error',
    { errors: { failed: 'answer.ok == false' } },
    'UNKNOWN_NAME',
    '/errors/failed',
    'there is no name "answer"',
  ],
  [
    'a cursor with a filter that is not there',
    contacts({ cursor: { field: 'at', filter: 'sinc' } }),
    'NOT_ALLOWED',
    '/resources/contacts/cursor/filter',
    'there is no filter "sinc"',
  ],
  [
    'a cursor with a column that is not there',
    contacts({ cursor: { field: 'att', filter: 'since' } }),
    'NOT_ALLOWED',
    '/resources/contacts/cursor/field',
    'there is no column "att"',
  ],
  [
    'a partition with a filter that is not there',
    contacts({ partition: { from: 'since', to: 'end' } }),
    'NOT_ALLOWED',
    '/resources/contacts/partition/to',
    'there is no filter "end"',
  ],
  [
    'a parent that is not there',
    deals({ parent: { resource: 'contact' } }),
    'NOT_ALLOWED',
    '/resources/deals/parent/resource',
    'there is no resource "contact"; did you mean "contacts"?',
  ],
  [
    'a parent that has a parent',
    contacts({ parent: { resource: 'deals' }, partition: undefined }),
    'NOT_ALLOWED',
    '/resources/contacts/parent/resource',
    'has a parent itself',
  ],
  [
    'a secret in the address',
    { base_url: 'https://example.com/${config.token}/' },
    'NAME_OUT_OF_SCOPE',
    '/base_url',
    '"token" is a secret',
  ],
  [
    'a secret in a header',
    { headers: { key: '${config.token}' } },
    'NAME_OUT_OF_SCOPE',
    '/headers/key',
    '"token" is a secret',
  ],
  [
    'a secret where people sign in',
    { auth: { ...oauth, token_url: 'https://login.example.com/${config.token}' } },
    'NAME_OUT_OF_SCOPE',
    '/auth/token_url',
    '"token" is a secret',
  ],
  [
    'secrets that go as plain text',
    { base_url: 'http://crm.example.com/' },
    'NOT_ALLOWED',
    '/base_url',
    'write https://',
  ],
  [
    'an address that only begins like this machine',
    { base_url: 'http://localhost.example.com/' },
    'NOT_ALLOWED',
    '/base_url',
    'write https://',
  ],
  ['tokens that go as plain text', { auth: [oauth] }, 'NOT_ALLOWED', '/auth/0/token_url', 'write https://'],
  ['every host', { allowed_hosts: ['crm.example.com', '*'] }, 'NOT_ALLOWED', '/allowed_hosts/1', 'is every host'],
  [
    'a field that every connection has',
    { fields: { ...right.fields, title: {} } },
    'NOT_ALLOWED',
    '/fields/title',
    'every connection has "title" already',
  ],
  [
    'a field that every service has',
    { fields: { ...right.fields, base_url: {} } },
    'NOT_ALLOWED',
    '/fields/base_url',
    'every connection has "base_url" already',
  ],
  [
    'a pattern that is none',
    { fields: { ...right.fields, region: { pattern: '(' } } },
    'INVALID',
    '/fields/region/pattern',
    'Invalid regular expression',
  ],
])('%s', (_, changes, code, pointer, message) => {
  const found = mistakesOf(changes);
  expect(found).toContainEqual(expect.objectContaining({ code, pointer, message: expect.stringContaining(message) }));
  expect(new Set(found.map((each) => each.pointer)).size).toBeLessThanOrEqual(2);
});
