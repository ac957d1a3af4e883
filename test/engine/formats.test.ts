// Choosing a format, with the shipped registry and the formats it names.
import { describe, expect, test } from 'vitest';
import type { FormatChoice } from '../../engine/contracts/task.ts';
import { chooseFormat, type FormatRegistry, formatName } from '../../engine/formats.ts';
import { formats } from '../../pipes/formats/index.ts';
import { failureOf } from '../conformance/streams.ts';

const head = (text: string) => Buffer.from(text);

describe('the registry says of each format what the format says itself', () => {
  test.each(Object.keys(formats))('%s', async (name) => {
    const entry = formats[name]!;
    const format = await entry.load();
    expect(format.name).toBe(name);
    expect(entry.extensions).toEqual(format.extensions);
    expect(entry.contentTypes).toEqual(format.contentTypes);
    expect(entry.sniffs === true).toBe(format.sniff !== undefined);
  });

  test('no extension belongs to two', () => {
    const extensions = Object.values(formats).flatMap((entry) => entry.extensions);
    expect(new Set(extensions).size).toBe(extensions.length);
  });
});

describe('formatName', () => {
  const cases: [string, { path: string; contentType?: string }, FormatChoice | undefined, string | undefined][] = [
    ['what is said', { path: 'a.csv', contentType: 'text/csv' }, 'json', 'json'],
    ['what is said, with options', { path: 'a.csv' }, { name: 'ndjson', encoding: 'latin1' } as FormatChoice, 'ndjson'],
    ['the extension', { path: 'in/a.b.JSON' }, undefined, 'json'],
    ['another of its extensions', { path: 'a.jsonl' }, undefined, 'ndjson'],
    ['the extension below the compression', { path: '/my-s3/a.csv.gz' }, undefined, 'csv'],
    ['the extension of a URL', { path: 'https://host/a.tsv.br?sig=x.json' }, undefined, 'tsv'],
    ['the extension before the content type', { path: 'a.csv', contentType: 'application/json' }, undefined, 'csv'],
    ['the content type', { path: 'https://host/export', contentType: 'Text/CSV; charset=utf-8' }, undefined, 'csv'],
    [
      'the content type after an unknown extension',
      { path: 'a.dat', contentType: 'application/x-ndjson' },
      undefined,
      'ndjson',
    ],
    ['the end of the content type', { path: 'a', contentType: 'application/vnd.api+json' }, undefined, 'json'],
    ['nothing for a vague content type', { path: 'a', contentType: 'text/plain' }, undefined, undefined],
    ['nothing for bytes', { path: 'a', contentType: 'application/octet-stream' }, undefined, undefined],
    ['nothing for a dot in a folder', { path: 'a.csv/b' }, undefined, undefined],
    ['nothing for a hidden file', { path: 'in/.gitignore' }, undefined, undefined],
    ['nothing for the name of an object', { path: 'a.constructor', contentType: 'toString' }, undefined, undefined],
    ['lines for text files', { path: 'a.txt', contentType: 'text/plain' }, undefined, 'lines'],
  ];

  test.each(cases)('%s', (_, file, choice, expected) => {
    expect(formatName(file, choice, formats)).toBe(expected);
  });

  test('a format that there is not, with near names', () => {
    expect(() => formatName({ path: 'a' }, 'cvs', formats)).toThrow(
      /the format "cvs" is not supported.*did you mean "csv"/,
    );
    expect(() => formatName({ path: 'a' }, { name: 'toString' }, formats)).toThrow(
      /not supported.*csv, tsv, ndjson, json/,
    );
  });

  test('loads nothing', () => {
    const registry: FormatRegistry = {
      csv: {
        ...formats.csv!,
        load: () => {
          throw new Error('was loaded');
        },
      },
    };
    expect(formatName({ path: 'a.csv' }, undefined, registry)).toBe('csv');
    expect(formatName({ path: 'a' }, undefined, registry)).toBeUndefined();
  });
});

describe('chooseFormat', () => {
  test.each([
    ['[{"a":1}]', 'json'],
    ['{"a":1,\n"b":2}', 'json'],
    ['{"a":1}\n{"a":2}\n', 'ndjson'],
    ['\ufeff  {"a":1}', 'json'],
  ])('by the first bytes: %j', async (text, expected) => {
    const { name, format } = await chooseFormat({ path: 'data', head: head(text) }, undefined, formats);
    expect([name, format.name]).toEqual([expected, expected]);
    const lazily = await chooseFormat({ path: 'data', head: async () => head(text) }, undefined, formats);
    expect(lazily.name).toBe(expected);
  });

  test('the first bytes are not asked for when the name tells', async () => {
    const file = {
      path: 'a.csv',
      head: () => {
        throw new Error('was read');
      },
    };
    expect((await chooseFormat(file, undefined, formats)).name).toBe('csv');
  });

  test('gives the options on', async () => {
    const choice = { name: 'csv', delimiter: ';' };
    expect((await chooseFormat({ path: 'a' }, choice, formats)).options).toBe(choice);
    expect((await chooseFormat({ path: 'a.csv' }, undefined, formats)).options).toEqual({ name: 'csv' });
  });

  test.each([undefined, '', 'hello world'])('what nothing tells is refused, with the known ones: %j', async (text) => {
    const file = { path: 'in/data.bin', ...(text === undefined ? {} : { head: head(text) }) };
    const error = await failureOf(chooseFormat(file, undefined, formats));
    expect(error.code).toBe('FORMAT_UNKNOWN');
    expect(error.message).toContain('cannot tell the format of in/data.bin');
    expect(error.message).toContain('csv, tsv, ndjson, json, fixed, lines');
  });
});
