// `pipe check` on broken definitions: the exact first line of what it says, everything at once, and never a crash.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { type Checked, checkPipe } from '../../engine/check.ts';
import type { ConnectionHome } from '../../engine/connections.ts';
import { formatDiagnostics } from '../../engine/diagnostics.ts';
import { loadText, loadValue } from '../../engine/load.ts';
import * as language from '../../schemas/generated/language.ts';
import { parts } from './parts.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'check-'));
  await writeFile(join(folder, 'orders.csv'), 'id,total\n1,2\n');
  await writeFile(join(folder, 'photo.png'), 'not really');
  await writeFile(join(folder, 'data.dat'), 'a;b\n1;2\n');
  await writeFile(join(folder, 'json.dat'), '{"a": 1}\n{"a": 2}\n');
  await writeFile(join(folder, 'bundle.zip'), 'PK');
  await mkdir(join(folder, 'in'));
  await writeFile(join(folder, 'in', 'a.csv'), 'id\n1\n');
});
afterAll(() => rm(folder, { recursive: true }));

const project: ConnectionHome = {
  home: 'project',
  connections: { shop: { connector: 'http', eid: 'g98ffn156zsj' }, files: { connector: 'local' } },
};

async function check(text: string): Promise<Checked & { line: (number: number) => string | undefined }> {
  const { source, diagnostics, line } = await loadText(text, 'pipe.yaml', { list: 'tasks' });
  expect(diagnostics).toEqual([]);
  return { ...(await checkPipe(source!, parts, { folder, homes: [project] })), line };
}

/** `5:5 UNKNOWN_KEY …` for each. */
async function lines(text: string): Promise<string[]> {
  const { diagnostics } = await check(text);
  return diagnostics.map(
    ({ line, col, code, severity, message }) =>
      `${line}:${col} ${code} ${severity === 'warning' ? 'warning: ' : ''}${message}`,
  );
}

/** Lines 1 to 3: a task that reads orders.csv under the id "orders". The tasks given begin in line 4. */
const steps = (...tasks: string[]) =>
  `tasks:\n  - op: read\n    { path: orders.csv, id: orders }\n`.replace(
    '    { path: orders.csv, id: orders }\n',
    '    path: orders.csv\n',
  ) + tasks.map((task) => `  - ${task}\n`).join('');
const write = '{ op: write, path: out.csv }';

type Case = [name: string, text: string, expected: string[]];

describe('valid', () => {
  test.each<[string, string]>([
    ['a chain', steps('{ op: filter, where: record.total > 1 }', write)],
    ['a bare list', '- { op: read, path: orders.csv }\n- { op: write, path: out.ndjson }\n'],
    ['params', `params: { n: { type: integer, default: 5 } }\n${steps('{ op: limit, rows: "${params.n}" }', write)}`],
    ['a connection of the project', '- { op: read, path: /shop/orders.csv }\n- { op: write, path: /files/x.csv }\n'],
    ['its EID', '- { op: read, path: /g98ffn156zsj/orders.csv }\n- { op: write, path: "files:/x.csv" }\n'],
    ['connection beside path', '- { op: read, path: orders.csv, connection: shop }\n- { op: write, path: out.csv }\n'],
    [
      'branches of one source',
      steps('{ op: write, path: a.csv }', '{ op: limit, rows: 1, from: read_1 }', '{ op: write, path: b.csv }'),
    ],
    [
      'a file that an earlier task writes',
      steps(write, '{ op: read, path: out.csv }', '{ op: write, path: again.csv }'),
    ],
    [
      'a file in a folder that an earlier task makes',
      steps(
        '{ op: write, path: "new/${record.id}.csv" }',
        '{ op: read, path: new/1.csv }',
        '{ op: write, path: z.csv }',
      ),
    ],
    ['a pattern', '- { op: read, path: "in/*.csv" }\n- { op: write, path: out.csv }\n'],
    [
      'a missing file that may be missing',
      '- { op: read, path: no.csv, missing: empty }\n- { op: write, path: out.csv }\n',
    ],
    ['bytes as they are', '- { op: read, path: photo.png }\n- { op: write, path: out/photo.png }\n'],
    [
      'a format that is told by the first bytes',
      '- { op: read, path: json.dat }\n- { op: limit, rows: 1 }\n- { op: write, path: out.csv }\n',
    ],
    [
      'a format that is said',
      '- { op: read, path: data.dat, format: { name: csv, delimiter: ";" } }\n- { op: limit, rows: 1 }\n- { op: write, path: out.csv }\n',
    ],
    [
      'an archive',
      '- { op: read, path: bundle.zip }\n- { op: unarchive }\n- { op: limit, rows: 1 }\n- { op: write, path: out.csv }\n',
    ],
    ['a folder to copy', '- { op: copy, from: in, to: out/ }\n'],
    ['a result of an earlier task', steps('{ op: set, values: { n: "${tasks.read_1.rows}" } }', write)],
    ['tasks for errors', steps('{ op: write, path: out.csv, on_error: [{ op: write, path: errors.ndjson }] }')],
    ['a templated connection', `params: { c: {} }\n${steps('{ op: write, path: "/${params.c}/out.csv" }')}`],
    ['a missing param that may be', `params: { c: {} }\n${steps('{ op: filter, where: "params.?d == null" }', write)}`],
    ['a dollar sign', steps('{ op: set, values: { price: "$5", shell: "$${HOME}" } }', write)],
  ])('%s', async (_, text) => {
    const { diagnostics, definition } = await check(text);
    expect(diagnostics).toEqual([]);
    expect(definition).toHaveProperty('tasks');
  });
});

describe('shape', () => {
  const cases: Case[] = [
    ['no tasks', 'name: x\n', ['1:1 MISSING_KEY the pipe needs the key "tasks"']],
    [
      'text',
      'hello\n',
      ['1:1 NOT_A_DEFINITION a pipe is a map with the key "tasks", or a list of tasks, and this is text "hello"'],
    ],
    [
      'a number',
      '5\n',
      ['1:1 NOT_A_DEFINITION a pipe is a map with the key "tasks", or a list of tasks, and this is the number 5'],
    ],
    ['empty list', '[]\n', ['1:1 RANGE the pipe: tasks must not be empty']],
    ['tasks is no list', 'tasks: { op: read }\n', ['1:8 WRONG_TYPE the pipe: tasks must be a list, and is a map']],
    [
      'tasks is empty',
      'tasks:\n',
      ['1:7 WRONG_TYPE the pipe: tasks must be a list, and is empty; give it a value or leave the key out'],
    ],
    [
      'misspelt key of the pipe',
      `task:\n  - op: read\n`,
      ['1:1 UNKNOWN_KEY the pipe has no key "task"; did you mean "tasks"?'],
    ],
    [
      'a task that is text',
      steps('read', write).replace('- read', '- read'),
      ['4:5 WRONG_TYPE task 2 must be a map, and is text "read"'],
    ],
    ['a task without op', steps('{ rows: 5 }', write), ['4:5 MISSING_KEY task 2 needs the key "op"']],
    [
      'op is no text',
      steps('{ op: 5 }', write),
      ['4:11 WRONG_TYPE task 2: op must be text, and is the number 5; write "5"'],
    ],
    [
      'unknown op',
      steps('{ op: limitt, rows: 5 }', write),
      ['4:11 UNKNOWN_OP task 2: there is no op "limitt"; did you mean "limit"?'],
    ],
    [
      'unknown op, nothing near',
      steps('{ op: constructor }', write),
      ['4:11 UNKNOWN_OP task 2: there is no op "constructor"'],
    ],
    [
      'op that is to come',
      steps('{ op: sort, by: [id] }', write),
      ['4:11 OPERATION_PENDING task 2 (sort): sort is part of the language, but this version cannot run it yet'],
    ],
    [
      'misspelt key',
      steps('{ op: limit, row: 5 }', write),
      ['4:18 UNKNOWN_KEY task 2 (limit) has no key "row"; did you mean "rows"?'],
    ],
    [
      'unknown key',
      steps('{ op: limit, rows: 5, frobnicate: 1 }', write),
      ['4:27 UNKNOWN_KEY task 2 (limit) has no key "frobnicate"'],
    ],
    ['missing key', steps('{ op: limit }', write), ['4:5 MISSING_KEY task 2 (limit) needs the key "rows"']],
    [
      'text for a number',
      steps('{ op: limit, rows: ten }', write),
      ['4:24 WRONG_TYPE task 2 (limit): rows must be a whole number, and is text "ten"'],
    ],
    [
      'quoted number',
      steps('{ op: limit, rows: "10" }', write),
      ['4:24 WRONG_TYPE task 2 (limit): rows must be a whole number, and is text "10"; write 10 without quotes'],
    ],
    [
      'broken number',
      steps('{ op: limit, rows: 1.5 }', write),
      ['4:24 WRONG_TYPE task 2 (limit): rows must be a whole number, and is the number 1.5'],
    ],
    [
      'negative number',
      steps('{ op: limit, rows: -1 }', write),
      ['4:24 RANGE task 2 (limit): rows must be at least 0, and is -1'],
    ],
    [
      'number for text',
      steps('{ op: write, path: 5 }'),
      ['4:24 WRONG_TYPE task 2 (write): path must be text, and is the number 5; write "5"'],
    ],
    ['empty text', steps('{ op: write, path: "" }'), ['4:24 RANGE task 2 (write): path must not be empty']],
    [
      'no value',
      steps('op: write\n    path:'),
      ['5:10 WRONG_TYPE task 2 (write): path must be text, and is empty; give it a value or leave the key out'],
    ],
    [
      'yes for true',
      steps('{ op: limit, rows: 1, disabled: yes }', write),
      ['4:37 WRONG_TYPE task 2 (limit): disabled must be true or false, and is text "yes"; write true'],
    ],
    [
      'one text for a list',
      steps('{ op: validate, schema: {}, on_reject: [a] }', write),
      ['4:44 WRONG_TYPE task 2 (validate): on_reject must be text, and is a list'],
    ],
    [
      'choice, nearly',
      steps('{ op: write, path: x.csv, mode: apend }'),
      ['4:37 NOT_ALLOWED task 2 (write): mode cannot be "apend"; did you mean "append"?'],
    ],
    [
      'choice, far off',
      steps('{ op: write, path: x.csv, mode: destroy }'),
      ['4:37 NOT_ALLOWED task 2 (write): mode cannot be "destroy"; it takes "append", "replace", "upsert" or "create"'],
    ],
    [
      'nested key',
      steps('{ op: write, path: "x${part}.csv", split: { row: 1 } }'),
      ['4:49 UNKNOWN_KEY split of task 2 (write) has no key "row"; did you mean "rows"?'],
    ],
    [
      'nested choice',
      steps('{ op: cast, columns: { a: { type: dat } } }', write),
      ['4:39 NOT_ALLOWED task 2 (cast): columns.a.type cannot be "dat"; did you mean "date"?'],
    ],
    [
      'one of several types',
      steps('{ op: cast, columns: { a: 5 } }', write),
      ['4:31 WRONG_TYPE task 2 (cast): columns.a must be text or a map, and is the number 5; write "5"'],
    ],
    ['empty map', steps('{ op: set, values: {} }', write), ['4:24 RANGE task 2 (set): values must not be empty']],
    [
      'twice in a list',
      steps('{ op: merge, from: [read_1, read_1] }', write),
      ['4:24 RANGE task 2 (merge): from has "read_1" twice', expect.stringContaining('4:24 SHARED_SOURCE ') as never],
    ],
    [
      'duration',
      steps('{ op: write, path: x.csv, timeout: 5 minutes }'),
      ['4:40 PATTERN task 2 (write): timeout cannot be "5 minutes"; it looks like "10m"'],
    ],
    [
      'id',
      steps('{ op: write, path: x.csv, id: 1a }'),
      ['4:35 PATTERN task 2 (write): id cannot be "1a"; it looks like "orders"'],
    ],
    [
      'retry',
      steps('{ op: write, path: x.csv, retry: { attempts: 0 } }'),
      ['4:50 RANGE task 2 (write): retry.attempts must be at least 1, and is 0'],
    ],
    [
      'unknown format',
      steps('{ op: write, path: x.dat, format: cvs }'),
      ['4:39 UNKNOWN_FORMAT task 2 (write): there is no format "cvs"; did you mean "csv"?'],
    ],
    [
      'unknown format with options',
      steps('{ op: write, path: x.dat, format: { name: cvs } }'),
      ['4:47 UNKNOWN_FORMAT task 2 (write): there is no format "cvs"; did you mean "csv"?'],
    ],
    [
      'format option',
      steps('{ op: write, path: x.dat, format: { name: csv, delimeter: ";" } }'),
      ['4:52 UNKNOWN_KEY the format csv of task 2 (write) has no key "delimeter"; did you mean "delimiter"?'],
    ],
    [
      'format option of the wrong type',
      steps('{ op: write, path: x.dat, format: { name: csv, header: maybe } }'),
      ['4:60 WRONG_TYPE the format csv of task 2 (write): header must be true or false, and is text "maybe"'],
    ],
    [
      'a nested task',
      steps('{ op: write, path: x.csv, on_error: [{ op: limit, row: 1 }] }'),
      ['4:55 UNKNOWN_KEY task 2.on_error.1 (limit) has no key "row"; did you mean "rows"?'],
    ],
    [
      'a setting',
      `settings: { concurrency: 0 }\n${steps(write)}`,
      ['1:26 RANGE the pipe: settings.concurrency must be at least 1, and is 0'],
    ],
    [
      'a trigger',
      `triggers: [{ corn: "* * * * *" }]\n${steps(write)}`,
      ['1:14 UNKNOWN_KEY trigger 1 has no key "corn"; did you mean "cron"?'],
    ],
  ];
  test.each(cases)('%s', async (_, text, expected) => {
    expect(await lines(text)).toEqual(expected);
  });
});

describe('params and connections', () => {
  const withConnections = (connections: string) => `connections:\n  ${connections}\n${steps(write)}`;
  const withParams = (params: string) => `params:\n  ${params}\n${steps(write)}`;
  const cases: Case[] = [
    [
      'key of a param',
      withParams('since: { typ: string }'),
      ['2:12 UNKNOWN_KEY param "since" has no key "typ"; did you mean "type"?'],
    ],
    [
      'type of a param',
      withParams('since: { type: dat }'),
      [
        '2:18 NOT_ALLOWED param "since": type cannot be "dat"; it takes "string", "integer", "number", "boolean", "array" or "object"',
      ],
    ],
    [
      'name of a param',
      withParams('a-b: {}'),
      [
        '2:3 PATTERN the pipe: params: the name "a-b" must be letters, digits and _, with a letter or _ first, and at most 64 of them',
      ],
    ],
    [
      'default of another type',
      withParams('n: { type: integer, default: ten }'),
      ['2:32 PARAM_INVALID param "n": the default must be a whole number, and is "ten"'],
    ],
    [
      'default that is no date',
      withParams('d: { format: date, default: 2024-02-30 }'),
      ['2:31 PARAM_INVALID param "d": the default must be a date, such as 2026-01-31, and is "2024-02-30"'],
    ],
    [
      'allowed value of another type',
      withParams('n: { type: integer, enum: [1, x] }'),
      ['2:33 PARAM_INVALID param "n": a value that is allowed must be a whole number, and is "x"'],
    ],
    [
      'pattern of a param',
      withParams('n: { pattern: "[a" }'),
      ['2:17 PARAM_INVALID param "n": the pattern is not a regular expression: "[a"'],
    ],
    [
      'default out of scope',
      withParams('n: { default: "${params.m}" }'),
      ['2:20 NAME_OUT_OF_SCOPE param "n": default: "params" cannot be used here; names that can: env and run'],
    ],
    [
      'alias',
      withConnections('My: { connector: http }'),
      ['2:3 PATTERN the alias "My" must be 2 to 64 lower-case letters, digits, "-" and "_", and begin with a letter'],
    ],
    [
      'alias like an EID',
      withConnections('bcdfghjklmnp: { connector: http }'),
      ['2:3 PATTERN the alias "bcdfghjklmnp" looks like an EID; put a vowel or a "-" in it'],
    ],
    [
      'reserved alias',
      withConnections('http: { connector: http }'),
      ['2:3 PATTERN the alias "http" is a reserved word; choose another'],
    ],
    [
      'unknown connector',
      withConnections('pg: { connector: htpp }'),
      ['2:20 UNKNOWN_CONNECTOR connection "pg": there is no connector "htpp"; did you mean "http"?'],
    ],
    ['no connector', withConnections('pg: { host: x }'), ['2:7 MISSING_KEY connection "pg" needs the key "connector"']],
    [
      'connector that is to come',
      withConnections('pg: { connector: s3, bucket: b }'),
      ['2:20 OPERATION_PENDING connection "pg": s3 is part of the language, but this version cannot use it yet'],
    ],
    [
      'key of a connection',
      withConnections('api: { connector: http, base_ur: "https://x.example" }'),
      ['2:27 UNKNOWN_KEY connection "api" (http) has no key "base_ur"; did you mean "base_url"?'],
    ],
    [
      'one EID twice',
      withConnections('aa: { connector: http, eid: bcdfghjklmn1 }\n  bb: { connector: http, eid: bcdfghjklmn1 }'),
      ['3:31 DUPLICATE_EID connection "bb" has the EID of connection "aa"; leave it out to get a new one'],
    ],
    [
      'a secret in the file',
      withConnections('api: { connector: http, password: hunter2 }'),
      ['2:27 SECRET_LITERAL warning: connection "api" (http): password is a secret and stands in a file'],
    ],
    [
      'a secret of the wrong type',
      withConnections('api: { connector: http, token: 12345 }'),
      ['2:34 WRONG_TYPE connection "api" (http): token must be text, and is something else'],
    ],
    [
      'a name that connections do not know',
      withConnections('api: { connector: http, base_url: "https://${record.host}/" }'),
      [
        '2:45 NAME_OUT_OF_SCOPE connection "api": base_url: "record" cannot be used here; names that can: params and env',
      ],
    ],
    [
      'unknown alias',
      steps('{ op: write, path: /shp/out.csv }'),
      ['4:25 UNKNOWN_CONNECTION task 2 (write): there is no connection "shp"; did you mean "shop"?'],
    ],
    [
      'unknown alias with a colon',
      steps('{ op: write, path: "shp:/out.csv" }'),
      ['4:25 UNKNOWN_CONNECTION task 2 (write): there is no connection "shp"; did you mean "shop"?'],
    ],
    [
      'unknown alias beside the path',
      steps('{ op: write, path: out.csv, connection: shp }'),
      ['4:45 UNKNOWN_CONNECTION task 2 (write): there is no connection "shp"; did you mean "shop"?'],
    ],
    [
      'unknown alias, nothing near',
      steps('{ op: write, path: /warehouse/out.csv }'),
      ['4:25 UNKNOWN_CONNECTION task 2 (write): there is no connection "warehouse"; there are: files, shop'],
    ],
    [
      'a path of this machine',
      steps('{ op: write, path: /tmp/out.csv }'),
      [
        '4:25 UNKNOWN_CONNECTION task 2 (write): there is no connection "tmp"; a file of this machine is written file:///tmp/out.csv',
      ],
    ],
    [
      'unknown alias before a template',
      `params: { d: {} }\n${steps('{ op: write, path: "/shp/x-${params.d}.csv" }')}`,
      ['5:26 UNKNOWN_CONNECTION task 2 (write): there is no connection "shp"; did you mean "shop"?'],
    ],
    [
      'disabled connection',
      `connections: { off: { connector: local, disabled: true } }\n${steps('{ op: write, path: /off/out.csv }')}`,
      ['5:25 DISABLED task 2 (write): the connection "off" is disabled'],
    ],
  ];
  test.each(cases)('%s', async (_, text, expected) => {
    expect(await lines(text)).toEqual(expected);
  });
});

describe('references and streams', () => {
  const cases: Case[] = [
    [
      'one id twice',
      steps('{ op: write, path: a.csv, id: x }', '{ op: write, path: b.csv, id: x }'),
      ['5:35 DUPLICATE_ID task 3 (write): the id "x" is that of task 2 (write); an id is unique in a pipe'],
    ],
    [
      'unknown from',
      steps('{ op: write, path: a.csv, from: raed_1 }'),
      [
        '4:37 UNKNOWN_TASK task 2 (write): from names "raed_1", and no task before it has that id; did you mean "read_1"?',
      ],
    ],
    [
      'later from',
      steps('{ op: limit, rows: 1, from: x }', '{ op: write, path: a.csv, id: x }'),
      ['4:33 LATER_TASK task 2 (limit): from names "x", and task 3 (write) comes only after it'],
    ],
    [
      'itself',
      steps('{ op: write, path: a.csv, from: x, id: x }'),
      ['4:37 LATER_TASK task 2 (write): from names "x", which is the task itself'],
    ],
    [
      'a task inside another',
      steps('{ op: write, path: a.csv, on_error: [{ op: dump, id: x }] }', '{ op: write, path: b.csv, from: x }'),
      [
        '5:37 UNKNOWN_TASK task 3 (write): from names "x", and task 2.on_error.1 (dump) is inside another task, where it cannot be seen from here',
      ],
    ],
    [
      'a disabled task',
      '- { op: read, path: orders.csv, id: a, disabled: true }\n- { op: read, path: orders.csv }\n- { op: write, path: x.csv, from: a }\n',
      [
        '2:9 UNUSED_OUTPUT warning: no task takes the output of task 2 (read); end with a write, or leave it out',
        '3:34 DISABLED task 3 (write): from names "a", and task 1 (read) is disabled',
      ],
    ],
    [
      'one of several inputs',
      steps('{ op: merge, from: [read_1, other] }', write),
      ['4:33 UNKNOWN_TASK task 2 (merge): from names "other", and no task before it has that id'],
    ],
    [
      'no input at the start',
      '- { op: limit, rows: 1 }\n- { op: write, path: x.csv }\n',
      ['1:9 NO_INPUT task 1 (limit) needs input, and there is no task before it; begin with read'],
    ],
    [
      'no input after a task without output',
      steps('{ op: delete, path: x.csv }', '{ op: limit, rows: 1 }', write),
      [
        expect.stringContaining('2:9 UNUSED_OUTPUT warning') as never,
        '5:11 NO_INPUT task 3 (limit) needs input, and task 2 (delete) before it gives none; name another task with `from`',
      ],
    ],
    [
      'from a task without output',
      steps(write, '{ op: delete, path: x.csv, id: gone }', '{ op: write, path: y.csv, from: gone }'),
      ['6:37 NO_OUTPUT task 4 (write): from names "gone", which gives no output'],
    ],
    [
      'across a task with an effect',
      steps(
        write,
        '{ op: delete, path: x.csv }',
        '{ op: write, path: y.csv, from: read_1 }',
        '{ op: write, path: z.csv }',
      ),
      [
        '6:37 ACROSS_STAGES task 4 (write) takes its input from a chain that has ended when task 3 (delete) begins; put it before task 3 (delete)',
      ],
    ],
    [
      'two branches of one source',
      steps('{ op: limit, rows: 1, id: few }', '{ op: merge, from: [read_1, few] }', write),
      [
        '5:24 SHARED_SOURCE task 3 (merge): two of its inputs come from one task, and would wait for each other; read the source twice',
      ],
    ],
    [
      'output that nobody takes',
      steps('{ op: limit, rows: 1 }'),
      ['4:11 UNUSED_OUTPUT warning: no task takes the output of task 2 (limit); end with a write, or leave it out'],
    ],
    [
      'only a read',
      'tasks:\n  - { op: read, path: orders.csv }\n',
      ['2:11 UNUSED_OUTPUT warning: no task takes the output of task 1 (read); end with a write, or leave it out'],
    ],
    [
      'files wanted, rows given',
      steps('{ op: limit, rows: 1 }', '{ op: unarchive }', write),
      ['5:11 WRONG_KIND task 3 (unarchive) takes files, and gets rows'],
    ],
    [
      'a picture as rows',
      '- { op: read, path: photo.png }\n- { op: limit, rows: 1 }\n- { op: write, path: x.csv }\n',
      ['1:21 NO_FORMAT task 1 (read): task 2 (limit) needs rows, and no format reads "photo.png"'],
    ],
    [
      'an archive as rows',
      '- { op: read, path: bundle.zip }\n- { op: limit, rows: 1 }\n- { op: write, path: x.csv }\n',
      [
        '1:21 NO_FORMAT task 1 (read): task 2 (limit) needs rows, and "bundle.zip" is an archive; take the files out of it with unarchive first',
      ],
    ],
    [
      'bytes that tell nothing',
      '- { op: read, path: data.dat }\n- { op: limit, rows: 1 }\n- { op: write, path: x.csv }\n',
      [
        '1:21 NO_FORMAT task 1 (read): task 2 (limit) needs rows, and neither its name nor its first bytes tell a format',
      ],
    ],
    [
      'a name that tells nothing, elsewhere',
      '- { op: read, path: /shop/x.foo }\n- { op: limit, rows: 1 }\n- { op: write, path: x.csv }\n',
      [
        '1:21 NO_FORMAT warning: task 1 (read): task 2 (limit) needs rows, and ".foo" tells no format; only the first bytes can; say it with `format`',
      ],
    ],
    [
      'rows for a name that tells nothing',
      steps('{ op: limit, rows: 1 }', '{ op: write, path: out.foo }'),
      ['5:24 NO_FORMAT task 3 (write): rows are written in a format, and ".foo" tells no format; say it with `format`'],
    ],
  ];
  test.each(cases)('%s', async (_, text, expected) => {
    expect(await lines(text)).toEqual(expected);
  });
});

describe('paths', () => {
  const reads = (path: string) => `- { op: read, path: ${path} }\n- { op: write, path: x.csv }\n`;
  const cases: Case[] = [
    [
      'missing file',
      reads('order.csv'),
      ['1:21 PATH_NOT_FOUND task 1 (read): order.csv does not exist; did you mean "orders.csv"?'],
    ],
    [
      'missing file in a folder',
      reads('in/b.csv'),
      ['1:21 PATH_NOT_FOUND task 1 (read): in/b.csv does not exist; did you mean "in/a.csv"?'],
    ],
    [
      'missing folder',
      reads('input/b.csv'),
      ['1:21 PATH_NOT_FOUND task 1 (read): input/b.csv does not exist; there is no folder input'],
    ],
    [
      'missing folder of a pattern',
      reads('"input/*.csv"'),
      ['1:21 PATH_NOT_FOUND task 1 (read): there is no folder input to look for *.csv in'],
    ],
    [
      'a folder',
      reads('in'),
      ['1:21 PATH_IS_FOLDER task 1 (read): in is a folder; name a file in it, or a pattern such as in/*.csv'],
    ],
    [
      'a scheme of another system',
      reads('s3://bucket/a.csv'),
      [
        '1:21 PATH_INVALID task 1 (read): the path "s3://bucket/a.csv" starts with s3://; make a connection for that system, then write /its-alias/…',
      ],
    ],
    [
      'a password in a URL',
      reads('https://me:hunter2@x.example/a.csv'),
      [
        '1:21 PATH_INVALID task 1 (read): the path "https://x.example/a.csv" has a user name or password in it; make a connection with connector http and write /its-alias/…',
      ],
    ],
    [
      'up from a connection',
      reads('/shop/../a.csv'),
      [
        '1:21 PATH_INVALID task 1 (read): the path "/shop/../a.csv" goes up with ".."; write the path from the root of the connection',
      ],
    ],
    [
      'a pattern to write to',
      steps('{ op: write, path: "out/*.csv" }'),
      [
        '4:24 PATH_PATTERN task 2 (write): path names one place, and "out/*.csv" is a pattern; put a \\ before a * or ? that is part of a name',
      ],
    ],
    ['a folder to write to', steps('{ op: write, path: in, format: csv }', '{ op: write, path: in/b.csv }'), []],
    [
      'a URL to delete',
      '- { op: delete, path: https://x.example/a.csv }\n',
      [
        '1:23 CAPABILITY_MISSING task 1 (delete): "https://x.example/a.csv" cannot have things deleted; http cannot do that',
      ],
    ],
    [
      'a misspelt word in the place of a path',
      steps('{ op: validate, schema: {}, on_reject: skp }', write),
      ['4:44 NOT_ALLOWED task 2 (validate): on_reject would write to a file "skp"; did you mean "skip"?'],
    ],
    [
      'a schema that is not there',
      steps('{ op: validate, schema: order.schema.json }', write),
      ['4:29 PATH_NOT_FOUND task 2 (validate): order.schema.json does not exist'],
    ],
    [
      'a pipe for errors',
      `settings: { on_error: notify.yaml }\n${steps(write)}`,
      ['1:23 PATH_NOT_FOUND the settings: the pipe notify.yaml does not exist'],
    ],
  ];
  test.each(cases)('%s', async (_, text, expected) => {
    expect(await lines(text)).toEqual(expected);
  });
});

describe('expressions', () => {
  const where = (text: string) => steps(`{ op: filter, where: '${text}' }`, write);
  const cases: Case[] = [
    [
      'syntax',
      where('record.a >'),
      ['4:33 EXPRESSION_SYNTAX task 2 (filter): where: it ends too early: something is missing after ">"'],
    ],
    [
      'misspelt name',
      where('recrd.a > 1'),
      ['4:25 UNKNOWN_NAME task 2 (filter): where: there is no name "recrd"; did you mean "record"?'],
    ],
    [
      'unknown function',
      where('uper(record.a) == "A"'),
      [
        expect.stringMatching(
          /^4:25 UNKNOWN_FUNCTION task 2 \(filter\): where: there is no function "uper"; did you mean "upper"\?$/,
        ) as never,
      ],
    ],
    [
      'unknown param',
      `params: { minimum: { type: number } }\n${where('record.a > params.minmum')}`,
      ['5:43 UNKNOWN_PARAM task 2 (filter): where: there is no param "minmum"; did you mean "minimum"?'],
    ],
    [
      'param of a pipe without params',
      where('record.a > params.x'),
      ['4:43 UNKNOWN_PARAM task 2 (filter): where: there is no param "x"; the pipe declares none'],
    ],
    [
      'marks around a bare expression',
      steps("{ op: filter, where: '${record.a > 1}' }", write),
      ['4:26 EXPRESSION_MARKS task 2 (filter): where is an expression by itself; write it without ${ }'],
    ],
    [
      'record where there is none',
      '- { op: read, path: "${record.file}" }\n- { op: write, path: x.csv }\n',
      [
        '1:24 NAME_OUT_OF_SCOPE task 1 (read): path: "record" cannot be used here; names that can: params, env, run, tasks, state, trigger and item',
      ],
    ],
    [
      'when knows no record',
      steps('{ op: write, path: x.csv, when: record.a > 1 }'),
      [
        '4:37 NAME_OUT_OF_SCOPE task 2 (write): when: "record" cannot be used here; names that can: params, env, run, tasks, state, trigger and item',
      ],
    ],
    [
      'item outside of foreach',
      steps('{ op: write, path: "x${item.a}.csv" }'),
      ['4:28 NAME_OUT_OF_SCOPE task 2 (write): path: "item" is known only to tasks inside of a foreach'],
    ],
    [
      'secret where none is allowed',
      steps('{ op: set, values: { a: "${secret(\'x\')}" } }', write),
      [
        expect.stringContaining(
          '4:32 NAME_OUT_OF_SCOPE task 2 (set): values.a: secret("…") can only be used in fields that are secret',
        ) as never,
      ],
    ],
    [
      'unknown task',
      steps('{ op: set, values: { a: "${tasks.raed_1.rows}" } }', write),
      [
        '4:38 UNKNOWN_TASK task 2 (set): values.a names tasks.raed_1, and no task before it has that id; did you mean "read_1"?',
      ],
    ],
    [
      'later task',
      steps('{ op: set, values: { a: "${tasks.x.rows}" } }', '{ op: write, path: out.csv, id: x }'),
      ['4:38 LATER_TASK task 2 (set): values.a names tasks.x, and task 3 (write) comes only after it'],
    ],
    [
      'two in one text',
      steps("{ op: set, values: { a: '${record.} and ${recrd.b}' } }", write),
      [
        expect.stringMatching(/^4:38 EXPRESSION_SYNTAX /) as never,
        expect.stringMatching(/^4:45 UNKNOWN_NAME /) as never,
      ],
    ],
    [
      'an open mark',
      steps("{ op: set, values: { a: 'x ${record.a' } }", write),
      ['4:32 EXPRESSION_SYNTAX task 2 (set): values.a: this "${" has no "}"; write "$${" for the signs themselves'],
    ],
    [
      'in the second line of a block',
      `tasks:\n  - { op: read, path: orders.csv }\n  - op: filter\n    where: >-\n      record.a > 1\n      && recrd.b\n  - ${write}\n`,
      ['6:10 UNKNOWN_NAME task 2 (filter): where: there is no name "recrd"; did you mean "record"?'],
    ],
    [
      'after an escape',
      steps('{ op: set, values: { a: "\\"x\\" ${recrd.b}" } }', write),
      ['4:38 UNKNOWN_NAME task 2 (set): values.a: there is no name "recrd"; did you mean "record"?'],
    ],
  ];
  test.each(cases)('%s', async (_, text, expected) => {
    expect(await lines(text)).toEqual(expected);
  });
});

test('everything is told at once, each mistake once, with line and caret', async () => {
  const text = [
    'params:',
    '  since: { type: date }',
    'tasks:',
    '  - op: read',
    '    path: orders.csv',
    '  - op: limit',
    '    row: 5',
    '  - op: filter',
    '    where: recrd.total > params.min',
    '  - op: write',
    '    path: /shp/out.csv',
    '    mode: apend',
    '',
  ].join('\n');
  const { diagnostics, definition, line } = await check(text);
  expect(definition).toBeUndefined();
  expect(formatDiagnostics(diagnostics, { line: (_, number) => line(number) })).toBe(`\
pipe.yaml:2:18 NOT_ALLOWED param "since": type cannot be "date"; it takes "string", "integer", "number", "boolean", "array" or "object"
  2 |   since: { type: date }
    |                  ^^^^
pipe.yaml:7:5 UNKNOWN_KEY task 2 (limit) has no key "row"; did you mean "rows"?
  7 |     row: 5
    |     ^^^
pipe.yaml:9:12 UNKNOWN_NAME task 3 (filter): where: there is no name "recrd"; did you mean "record"?
  9 |     where: recrd.total > params.min
    |            ^^^^^
pipe.yaml:9:33 UNKNOWN_PARAM task 3 (filter): where: there is no param "min"; the pipe has: since
  9 |     where: recrd.total > params.min
    |                                 ^^^
pipe.yaml:11:12 UNKNOWN_CONNECTION task 4 (write): there is no connection "shp"; did you mean "shop"?
  11 |     path: /shp/out.csv
     |            ^^^
pipe.yaml:12:11 NOT_ALLOWED task 4 (write): mode cannot be "apend"; did you mean "append"?
  12 |     mode: apend
     |           ^^^^^
`);
});

test('no secret of a file is shown', async () => {
  const text = `connections:\n  api: { connector: http, password: hunter2, tokn: hunter3 }\n  b: { connector: nope, api_key: hunter4 }\n${steps(write)}`;
  const { diagnostics, line } = await check(text);
  expect(diagnostics.length).toBeGreaterThan(2);
  expect(formatDiagnostics(diagnostics, { line: (_, number) => line(number) })).not.toMatch(/hunter[24]/);
});

describe('whatever it is given', () => {
  const settled = async (value: unknown, text?: string) => {
    const started = performance.now();
    const { source, diagnostics, line } =
      text === undefined
        ? await loadValue(value, 'x', { list: 'tasks' })
        : await loadText(text, 'x', { list: 'tasks' });
    const checked =
      source === undefined ? { diagnostics } : await checkPipe(source, parts, { folder, homes: [project] });
    for (const each of checked.diagnostics) {
      const shown = line(each.line);
      expect(shown, JSON.stringify(each)).toBeDefined();
      expect(each.col).toBeGreaterThan(0);
      expect(each.col).toBeLessThanOrEqual(shown!.length + 1);
      expect(each.endCol).toBeGreaterThan(each.col);
      expect(each.message).not.toMatch(/undefined|\[object|NaN/);
    }
    expect(performance.now() - started).toBeLessThan(2_000);
    return checked.diagnostics;
  };

  test('any JSON', async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue({ maxDepth: 5 }), async (value) => void (await settled(value))),
      { numRuns: 1_000 },
    );
  });

  test('any values under the keys of the language', async () => {
    const key = fc.constantFrom(...new Set(Object.values(language.tasks).flatMap((part) => part.keys['']!)));
    const leaf = fc.oneof(
      fc.jsonValue({ maxDepth: 2 }),
      fc.constantFrom(
        '${record.a}',
        '${',
        'orders.csv',
        '/shop/x',
        '/*',
        'https://x',
        '-',
        'read_1',
        'task',
        '${params.x}',
        'csv',
        'zip.zip',
        '..',
        '\\',
      ),
    );
    const task: fc.Arbitrary<unknown> = fc.letrec<{ task: unknown; value: unknown }>((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        leaf,
        fc.array(tie('task'), { maxLength: 3 }),
        fc.dictionary(key, leaf, { maxKeys: 3 }),
      ),
      task: fc
        .tuple(fc.constantFrom(...Object.keys(language.tasks)), fc.dictionary(key, tie('value'), { maxKeys: 6 }))
        .map(([op, fields]) => ({ ...fields, op })),
    })).task;
    const pipe = fc.record(
      {
        name: leaf,
        params: fc.dictionary(
          fc.constantFrom('x', 'a-b'),
          fc.dictionary(fc.constantFrom(...language.documents.pipe.keys['/params/*']!), leaf),
        ),
        connections: fc.dictionary(
          fc.constantFrom('shop', 'My', 'aa'),
          fc.dictionary(
            fc.constantFrom('connector', 'eid', 'password', 'base_url'),
            fc.oneof(leaf, fc.constantFrom(...Object.keys(language.connectors))),
          ),
        ),
        settings: fc.dictionary(
          fc.constantFrom(...language.documents.pipe.keys['/settings']!),
          fc.oneof(leaf, fc.array(task, { maxLength: 2 })),
        ),
        triggers: leaf,
        tests: leaf,
        tasks: fc.array(task, { maxLength: 5 }),
      },
      { requiredKeys: ['tasks'] },
    );
    await fc.assert(
      fc.asyncProperty(pipe, async (value) => void (await settled(value))),
      { numRuns: 1_000 },
    );
  });

  test('changes of a valid definition', async () => {
    const valid = {
      name: 'x',
      params: { since: { format: 'date', default: '2024-01-01' }, n: { type: 'integer', default: 3 } },
      connections: { api: { connector: 'http', base_url: 'https://x.example/', headers: { a: '${params.since}' } } },
      tasks: [
        { op: 'read', path: 'orders.csv', id: 'orders', format: { name: 'csv', delimiter: ',' } },
        { op: 'filter', where: 'record.total > params.n && record.day >= params.since' },
        { op: 'set', values: { a: '${record.total * 2}', b: 'x ${tasks.orders.rows}' } },
        {
          op: 'write',
          path: 'out-${params.since}.csv',
          mode: 'replace',
          on_error: [{ op: 'write', path: 'e.ndjson' }],
        },
        { op: 'read', path: '/api/more.json' },
        { op: 'write', path: '-', format: 'ndjson' },
      ],
    };
    const text = stringify(valid);
    expect(await settled(valid)).toEqual([]);
    const edit = fc.record({
      at: fc.nat(text.length - 1),
      remove: fc.nat(4),
      insert: fc.string({ unit: fc.constantFrom(...'abx {}[]:,"\'$\n-.#&*!|>%@`/\\\t0'), maxLength: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 3 }), async (edits) => {
        let changed = text;
        for (const { at, remove, insert } of edits)
          changed = changed.slice(0, at) + insert + changed.slice(at + remove);
        await settled(undefined, changed);
      }),
      { numRuns: 2_000 },
    );
  });

  test('many tasks, long chains of merges, deep nesting', async () => {
    const merges = [
      { op: 'read', path: 'orders.csv' },
      { op: 'read', path: 'orders.csv' },
      ...Array.from({ length: 2_000 }, (_, i) => ({
        op: 'merge',
        from: [i < 2 ? 'read_1' : `merge_${i + 1}`, i < 2 ? 'read_2' : `merge_${i + 2}`],
      })),
    ];
    await settled({ tasks: merges });
    expect(await settled({ tasks: Array.from({ length: 6_000 }, () => ({ op: 'limit', rows: 1 })) })).toMatchObject([
      { code: 'RANGE' },
    ]);
    let nested: unknown = [{ op: 'exit' }];
    for (let i = 0; i < 30; i++) nested = [{ op: 'if', condition: 'true', then: nested }];
    await settled({ tasks: nested });
  }, 60_000);
});
