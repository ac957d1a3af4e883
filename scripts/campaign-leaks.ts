// Plants canary secrets in every kind of connection, makes runs succeed, fail, hang and crash, and looks for them in all that comes out.
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import type { Redactor } from '../engine/redact.ts';
import { createEngine, type Engine } from '../index.ts';
import { type ConnectorField, connectorFields } from '../schemas/generated/fields.ts';
import { connectors } from '../schemas/generated/language.ts';
import { pipeCommand } from '../test/cli/pipe.ts';
import { type HttpServer, startHttpServer } from '../test/servers/http.ts';

/** Secrets of the shapes that slip through: each has something that an escape, an encoding or a line break changes. */
export const canaries: Readonly<Record<string, string>> = {
  plain: 'canaryPlainQ7zR2',
  'URL-unsafe': 'cn/1?a=b&c#d+e f%20@:;',
  'multi-line key': '-----BEGIN KEY-----\ncanaryLineOneAAAA\ncanaryLineTwoBBBB\n-----END KEY-----\n',
  'JSON inside': '{"client_secret":"canaryInnerJ5on","n":"a\\"b\\\\c"}',
  'base64 look-alike': 'Y2FuYXJ5QmFzZTY0Kys/Lw==',
  'five characters': 'c#4/y',
  'other letters': 'Schlüssel-鍵-🔑-canary',
  'quotes and backslashes': 'cn"q\'b\\s\\\\n`t$x',
  long: `canaryLong${'Ab3/'.repeat(400)}end`,
  'URL with password': 'https://canaryuser:canaryP%40ss9@host.example/x',
  'hexadecimal look-alike': '63616e617279deadbeef0123',
  'spaces around': '  canary spaced out\t',
};

/** The texts that a canary must not be found as. */
export function formsOf(secret: string): string[] {
  const inner = [...secret.matchAll(/canary[A-Za-z0-9%]{6,}/g)].map(([text]) => text);
  const forms = new Set<string>();
  for (const text of [secret, secret.trim(), ...inner]) {
    const bytes = Buffer.from(text);
    forms.add(text);
    forms.add(encodeURIComponent(text));
    forms.add(encodeURI(text));
    forms.add(new URLSearchParams({ x: text }).toString().slice(2));
    forms.add(JSON.stringify(text).slice(1, -1));
    forms.add(JSON.stringify(JSON.stringify(text)).slice(3, -3));
    forms.add(text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;').replaceAll("'", '&#39;'));
    forms.add(bytes.toString('hex'));
    forms.add(inspect(text).slice(1, -1));
    // Wherever it stands inside of a longer text: what of it does not depend on its neighbours.
    for (const shift of [0, 1, 2]) {
      const encoded = Buffer.concat([Buffer.alloc(shift), bytes])
        .toString('base64')
        .replace(/=+$/, '');
      const own = encoded.slice(shift === 0 ? 0 : shift + 1, (shift + bytes.length) % 3 === 0 ? undefined : -1);
      forms.add(own).add(own.replaceAll('+', '-').replaceAll('/', '_'));
    }
  }
  return [...forms].filter((form) => form.length >= 5 && form !== 'https://');
}

/** The canaries found in a text, with the form and what is around it. */
export function leaksIn(text: string, planted: readonly string[]): string[] {
  return planted.flatMap((name) =>
    formsOf(canaries[name]!).flatMap((form) => {
      const at = text.indexOf(form);
      return at < 0
        ? []
        : [
            `${name} as ${JSON.stringify(form.slice(0, 40))} in …${JSON.stringify(text.slice(Math.max(0, at - 60), at + 40))}`,
          ];
    }),
  );
}

export interface Outcome {
  connector: string;
  scenario: string;
  /** Channels that were searched. */
  searched: number;
  leaks: string[];
  seconds: number;
}

export interface CampaignOptions {
  connectors?: readonly string[];
  canaries?: readonly string[];
  ways?: readonly Way[];
  scenarios?: readonly Scenario[];
  /** Only these fields; all, unless told. */
  fields?: readonly string[];
  /** The command as well, as processes of their own, which `run` and `plan` that many of the pipes; 0: only the library. */
  command: number;
  /** In place of the engine's own: to see that the search finds what is not redacted. */
  redactor?: Redactor;
  /** Told of each outcome. */
  progress?(outcome: Outcome): void;
}

/** How a secret comes into a connection. */
export type Way =
  | 'text in the pipe'
  | 'text in the project'
  | 'store'
  | 'environment'
  | 'file'
  | 'secret reference'
  | 'param';
export const ways: readonly Way[] = [
  'text in the pipe',
  'text in the project',
  'store',
  'environment',
  'file',
  'secret reference',
  'param',
];

export type Scenario = 'success' | 'wrong password' | 'timeout' | 'connection cut' | 'invalid definition' | 'crash';
export const scenarios: readonly Scenario[] = [
  'success',
  'wrong password',
  'timeout',
  'connection cut',
  'invalid definition',
  'crash',
];

/** Every connector with code and secret fields, as its schema has them, and the maps that may hold secrets as well. */
export function targets(): { connector: string; field: string }[] {
  return Object.entries(connectors).flatMap(([connector, { planned, secrets, fields }]) => {
    if (planned === true) return [];
    const maps = Object.entries(fields).flatMap(([pointer, { scope }]) =>
      scope?.includes('secret') ? [pointer.slice(1)] : [],
    );
    return [...secrets, ...maps].map((field) => ({ connector, field }));
  });
}

interface Hostile {
  http: HttpServer;
  /** Answers every byte with itself, hangs, or breaks off. */
  echo: number;
  silent: number;
  cutting: number;
  close(): Promise<void>;
}

async function startHostile(): Promise<Hostile> {
  const http = await startHttpServer();
  http.otherwise((request, response) => {
    const { headers, url = '' } = request;
    if (url.startsWith('/hang')) return;
    if (url.startsWith('/cut')) {
      response.socket?.destroy();
      return;
    }
    if (url.startsWith('/ok')) {
      response.writeHead(200, { 'content-type': 'text/csv' }).end('id,name\n1,a\n');
      return;
    }
    // A server that says in its answer what it was sent, in every way it can think of.
    const sent = String(headers.authorization ?? '').replace(/^\w+ /, '');
    const decoded = Buffer.from(sent, 'base64').toString();
    const told = [
      url,
      decodeURIComponent(url.replace(/%(?![0-9a-f]{2})/gi, '%25')),
      JSON.stringify(headers),
      sent,
      decoded,
      decoded.replace(/^[^:]*:/, ''),
      Buffer.from(sent).toString('base64'),
    ];
    response
      .writeHead(401, {
        'content-type': 'text/plain; charset=utf-8',
        'www-authenticate': `Bearer error="${encodeURIComponent(sent)}"`,
      })
      .end(told.join('\n'));
  });
  const sockets = new Set<Socket>();
  const servers: Server[] = [];
  const listen = async (connected: (socket: Socket) => void): Promise<number> => {
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      connected(socket);
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as { port: number }).port;
  };
  return {
    http,
    echo: await listen((socket) => socket.pipe(socket)),
    silent: await listen(() => {}),
    cutting: await listen((socket) => socket.once('data', () => socket.destroy())),
    async close() {
      for (const socket of sockets) socket.destroy();
      await Promise.all([http.close(), ...servers.map((server) => new Promise((resolve) => server.close(resolve)))]);
    },
  };
}

/** A definition that leads to a server for the scenario: by the fields that the connector's schema has. */
function definitionOf(connector: string, scenario: Scenario, hostile: Hostile): Record<string, unknown> {
  const fields = new Map((connectorFields[connector] ?? []).map((field) => [field.name, field]));
  const path = { success: 'ok', timeout: 'hang', 'connection cut': 'cut' }[scenario as string] ?? 'no';
  const port = { timeout: hostile.silent, 'connection cut': hostile.cutting }[scenario as string] ?? hostile.echo;
  const definition: Record<string, unknown> = { connector };
  for (const [name, field] of fields) if (field.required && !field.secret) definition[name] = exampleOf(field);
  for (const name of ['base_url', 'endpoint']) if (fields.has(name)) definition[name] = `${hostile.http.url}/${path}/`;
  if (fields.has('host')) Object.assign(definition, { host: '127.0.0.1' }, fields.has('port') ? { port } : {});
  for (const name of ['connect_timeout', 'read_timeout', 'statement_timeout'])
    if (fields.has(name)) definition[name] = '1s';
  return definition;
}

function exampleOf({ examples, choices, type }: ConnectorField): unknown {
  return examples?.[0] ?? choices?.[0] ?? (type.includes('number') ? 1 : 'x');
}

/** Ways to authenticate that make the connector use the field. */
function authOf(connector: string, field: string): string | undefined {
  const { choices } = connectorFields[connector]?.find(({ name }) => name === 'auth') ?? {};
  if (choices === undefined) return undefined;
  if (field === 'password') return 'basic';
  return field === 'token' ? 'bearer' : 'none';
}

export async function runLeakCampaign(options: CampaignOptions): Promise<Outcome[]> {
  const {
    command,
    progress,
    ways: chosen = ways,
    scenarios: tried = scenarios,
    canaries: names = Object.keys(canaries),
  } = options;
  const hostile = await startHostile();
  const outcomes: Outcome[] = [];
  try {
    for (const connector of new Set(targets().map((each) => each.connector))) {
      if (options.connectors?.includes(connector) === false) continue;
      for (const scenario of tried) {
        const started = Date.now();
        const outcome: Outcome = { connector, scenario, searched: 0, leaks: [], seconds: 0 };
        const fields = targets().filter(
          (each) => each.connector === connector && options.fields?.includes(each.field) !== false,
        );
        for (const { field } of fields) {
          for (const way of chosen)
            await plant({
              connector,
              field,
              way,
              scenario,
              names,
              hostile,
              command,
              outcome,
              redactor: options.redactor,
            });
        }
        outcome.seconds = (Date.now() - started) / 1000;
        outcomes.push(outcome);
        progress?.(outcome);
      }
    }
  } finally {
    await hostile.close();
  }
  return outcomes;
}

interface Planting {
  connector: string;
  field: string;
  way: Way;
  scenario: Scenario;
  names: readonly string[];
  hostile: Hostile;
  command: number;
  outcome: Outcome;
  redactor: Redactor | undefined;
}

/** One connection for each canary, in one project; then everything that can be done with them. */
async function plant(planting: Planting): Promise<void> {
  const { connector, field, way, scenario, names, hostile, outcome } = planting;
  const root = mkdtempSync(join(tmpdir(), 'pipe-leaks-'));
  const folder = join(root, 'work');
  mkdirSync(folder);
  const environment: Record<string, string> = {};
  const search = (channel: string, text: string, planted: readonly string[] = names) => {
    outcome.searched += 1;
    for (const leak of leaksIn(text, planted))
      outcome.leaks.push(`${connector}.${field}, ${way}, ${scenario}, ${channel}: ${leak}`);
  };
  try {
    const passphrase = join(root, 'passphrase');
    writeFileSync(passphrase, 'correct horse');
    chmodSync(passphrase, 0o600);
    const store = { name: 'file', path: join(root, 'credentials'), passphrase_file: passphrase, cost: 10 };
    const isMap = !connectors[connector]!.secrets.includes(field);
    const project: Record<string, unknown> = {};
    const pipes: { name: string; file: string; params: Record<string, string> }[] = [];
    for (const [i, name] of names.entries()) {
      const alias = `canary-${i}`;
      const variable = `LEAK_SECRET_${i}`;
      const secret = canaries[name]!;
      // A file and the environment lose what is around: a line end, a NUL.
      environment[variable] = secret;
      writeFileSync(join(folder, `${alias}.secret`), secret);
      const reference = {
        'text in the pipe': secret.replaceAll('${', '$${'),
        'text in the project': secret.replaceAll('${', '$${'),
        store: undefined,
        environment: `\${env.${variable}}`,
        file: `\${file("${alias}.secret")}`,
        'secret reference': `\${secret("${alias}")}`,
        param: '${params.key}',
      }[way];
      const crash =
        scenario === 'crash' && reference?.startsWith('${') ? `\${int(${reference.slice(2, -1)})}` : reference;
      const definition = definitionOf(connector, scenario, hostile);
      const auth = authOf(connector, field);
      if (auth !== undefined) definition.auth = auth;
      if (isMap) definition[field] = { 'X-Api-Key': crash ?? 'none', accept: 'text/csv' };
      else if (crash !== undefined) definition[field] = crash;
      if (scenario === 'invalid definition')
        Object.assign(definition, {
          [`${field}s`]: reference ?? secret,
          [field]: isMap ? { authorization: [secret] } : [reference ?? secret],
        });
      const inPipe = way === 'text in the pipe' || way === 'param';
      if (!inPipe) project[alias] = definition;
      const pipe = {
        ...(way === 'param' ? { params: { key: { type: 'string', secret: true } } } : {}),
        ...(inPipe ? { connections: { [alias]: definition } } : {}),
        tasks: [
          { op: 'read', path: `/${alias}/a.csv` },
          { op: 'write', path: `out-${i}.csv` },
        ],
      };
      const file = join(folder, `${alias}.json`);
      writeFileSync(file, JSON.stringify(pipe, undefined, 1));
      pipes.push({ name, file, params: way === 'param' ? { key: secret } : {} });
    }
    writeFileSync(
      join(folder, 'pipewright.yaml'),
      JSON.stringify({ credentials: store, connections: project }, undefined, 1),
    );
    Object.assign(process.env, environment);
    const own = { folder, configFolder: join(root, 'config'), stateFolder: join(root, 'state') };
    if (way === 'store' || way === 'secret reference')
      await fillStore(store, names, way === 'store' && !isMap ? field : 'value');

    const engine = createEngine({
      ...own,
      ...(planting.redactor === undefined ? {} : { redactor: planting.redactor }),
      ...(scenario === 'crash' && way === 'store' ? { credentials: crashingStore(names) } : {}),
    });
    try {
      await Promise.all(pipes.map((pipe) => exercise(engine, pipe, search)));
      await Promise.all(Object.keys(project).map((alias) => lookAt(engine, alias, search)));
    } finally {
      await engine.close();
    }
    if (planting.command > 0)
      await exerciseCommand({ folder, root, pipes, environment, project }, planting.command, search);
    for (const [path, text] of textsBelow(join(root, 'state'))) search(`state file ${path}`, text);
    if (way !== 'text in the project')
      for (const [path, text] of textsBelow(join(root, 'config'))) search(`registry ${path}`, text);
  } finally {
    for (const name of Object.keys(environment)) delete process.env[name];
    rmSync(root, { recursive: true });
  }
}

type Search = (channel: string, text: string, planted?: readonly string[]) => void;

async function fillStore(
  store: { path: string; passphrase_file: string; cost: number },
  names: readonly string[],
  field: string,
): Promise<void> {
  const { createFileStore } = await import('../engine/credentials/file.ts');
  const { credentialOf } = await import('../engine/secret.ts');
  const opened = createFileStore({ path: store.path, passphraseFile: store.passphrase_file, cost: store.cost });
  const { signal } = new AbortController();
  for (const [i, name] of names.entries())
    await opened.put(`canary-${i}`, credentialOf({ [field]: canaries[name]! }), { signal });
  await opened.close();
}

/** Someone's store whose errors tell what is in it, once it has given it. */
function crashingStore(names: readonly string[]) {
  const asked = new Set<string>();
  return {
    name: 'crashing',
    async get(name: string) {
      const { credentialOf } = await import('../engine/secret.ts');
      const secret = canaries[names[Number(/\d+$/.exec(name)?.[0])] ?? 'plain']!;
      if (asked.has(name)) {
        const cause = Object.assign(new Error(`lookup of ${secret}`), {
          detail: { token: secret, bytes: Buffer.from(secret) },
        });
        throw new TypeError(`cannot read ${JSON.stringify({ secret })}`, { cause });
      }
      asked.add(name);
      return { fields: credentialOf({ password: secret, token: secret, value: secret }) };
    },
    async close() {},
  };
}

async function exercise(
  engine: Engine,
  { name, file, params }: { name: string; file: string; params: Record<string, string> },
  search: Search,
): Promise<void> {
  const planted = [name];
  const caught = (what: string) => (error: unknown) => searchError(what, error, search, planted);
  const checked = await engine.check(file);
  search('check', `${checked.text()}\n${JSON.stringify(checked.diagnostics)}`, planted);
  await engine.plan(file, { params }).then((plan) => search('plan', JSON.stringify(plan), planted), caught('plan'));
  const run = engine.run(file, { params, signal: AbortSignal.timeout(1500) });
  const events: string[] = [];
  run.on((event) => events.push(JSON.stringify(event, bigints), inspect(event, { depth: 9 })));
  await run.result.then((report) => search('report', JSON.stringify(report), planted), caught('run'));
  search('events', events.join('\n'), planted);
}

async function lookAt(engine: Engine, alias: string, search: Search): Promise<void> {
  const { connections } = engine;
  const calls: Record<string, () => Promise<unknown>> = {
    list: () => connections.list(),
    get: () => connections.get(alias),
    verify: () => connections.verify(alias, { timeoutMs: 1000 }),
    export: () => connections.export(),
    describe: () => connections.describe(`/${alias}/a.csv`, { signal: AbortSignal.timeout(1500) }),
    ls: () => connections.ls(`/${alias}/`, { signal: AbortSignal.timeout(1500) }),
  };
  for (const [what, call] of Object.entries(calls)) {
    await call().then(
      (value) => search(what, JSON.stringify(value, bigints)),
      (error) => searchError(what, error, search),
    );
  }
}

/** An error in every way it can be printed: message, stack, cause, JSON, and inspected with all its properties. */
function searchError(what: string, error: unknown, search: Search, planted?: readonly string[]): void {
  const texts = [
    String(error),
    JSON.stringify(error, bigints),
    inspect(error, { depth: 12, showHidden: true, maxStringLength: null, maxArrayLength: null }),
  ];
  for (let each = error; each instanceof Error; each = each.cause) {
    texts.push(each.message, each.stack ?? '', JSON.stringify({ ...each }, bigints));
    const { diagnostics, report } = each as { diagnostics?: { text?(): string }; report?: unknown };
    texts.push(diagnostics?.text?.() ?? '', JSON.stringify(report, bigints) ?? '');
  }
  search(`${what}: error`, texts.join('\n'), planted);
}

function bigints(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

interface CommandPlace {
  folder: string;
  root: string;
  pipes: readonly { name: string; file: string; params: Record<string, string> }[];
  environment: Record<string, string>;
  project: Record<string, unknown>;
}

/** The command in every format. A canary as argument (`-p`) is the caller's own doing, so params go without. */
async function exerciseCommand(
  { folder, root, pipes, environment, project }: CommandPlace,
  runs: number,
  search: Search,
): Promise<void> {
  const env = { ...environment, XDG_CONFIG_HOME: join(root, 'config'), XDG_STATE_HOME: join(root, 'state') };
  const run = async (...args: string[]) => {
    const { stdout, stderr } = await pipeCommand(args, { cwd: folder, env });
    search(`pipe ${args.join(' ')}`, `${stdout}\n${stderr}`);
  };
  const files = pipes.map(({ file }) => file);
  for (const format of ['text', 'json', 'sarif']) await run('check', '--format', format, ...files);
  await run('connections', 'list', '--format', 'json');
  await run('connections', 'export');
  if (Object.keys(project).length > 0) {
    await run('connections', 'verify', '--all', '--timeout', '2');
    await run('connections', 'verify', '--all', '--timeout', '2', '--format', 'json');
    await run('connections', 'show', 'canary-0');
  }
  for (const [i, { file }] of pipes.slice(0, runs).entries()) {
    const styles = [['--log', 'auto'], ['--log', 'plain', '--report', 'json'], ['--log', 'json'], ['--quiet']];
    await run('run', file, ...styles[i % styles.length]!);
    await run('plan', file, ...(i % 2 === 0 ? [] : ['--format', 'json']));
  }
}

function textsBelow(folder: string): [path: string, text: string][] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => [entry.name, readFileSync(join(entry.parentPath, entry.name), 'latin1')]);
  } catch {
    return [];
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const command = process.argv.includes('--command') ? Number.POSITIVE_INFINITY : 0;
  // A process for each output takes its time: two ways stand for all.
  const chosen: readonly Way[] = command > 0 ? ['text in the pipe', 'environment'] : ways;
  const only = process.argv.slice(2).filter((each) => !each.startsWith('-'));
  console.log(
    `${Object.keys(canaries).length} canaries × ${chosen.length} ways; connectors: ${[...new Set(targets().map(({ connector }) => connector))].join(', ')}`,
  );
  const outcomes = await runLeakCampaign({
    command,
    ways: chosen,
    ...(only.length === 0 ? {} : { connectors: only }),
    progress: ({ connector, scenario, searched, leaks, seconds }) => {
      console.log(
        `  ${connector.padEnd(10)}  ${scenario.padEnd(18)}  ${String(searched).padStart(6)} outputs  ${String(leaks.length).padStart(4)} leaks  ${seconds.toFixed(1)} s`,
      );
      for (const leak of leaks.slice(0, 5)) console.log(`      ${leak}`);
    },
  });
  const leaks = outcomes.reduce((sum, each) => sum + each.leaks.length, 0);
  console.log(`${outcomes.reduce((sum, each) => sum + each.searched, 0)} outputs searched, ${leaks} leaks`);
  process.exitCode = leaks === 0 ? 0 : 1;
}
