// Every verb of `pipe`, with the line that help shows and the options that completion offers.

export interface Verb {
  summary: string;
  options: string[];
  load(): Promise<{ command(argv: string[]): Promise<number> }>;
}

export const verbs: Readonly<Record<string, Verb>> = {
  new: {
    summary: 'make a pipe file from a template, or list the templates',
    options: ['--list', '--connection', '--set', '--force', '--no-input', '--format', '--help'],
    load: () => import('./commands/new.ts'),
  },
  run: {
    summary: 'run a pipe file',
    options: [
      '--param',
      '--limit',
      '--dry-run',
      '--restart',
      '--no-state',
      '--record',
      '--log',
      '--report',
      '--quiet',
      '--trigger',
      '--help',
    ],
    load: () => import('./commands/run.ts'),
  },
  check: {
    summary: 'find the mistakes in pipe files, without running or connecting',
    options: ['--format', '--help'],
    load: () => import('./commands/check.ts'),
  },
  test: {
    summary: 'run the tests of pipe files, without network',
    options: ['--filter', '--format', '--help'],
    load: () => import('./commands/test.ts'),
  },
  plan: {
    summary: 'show what a run would do, step by step',
    options: ['--param', '--format', '--help'],
    load: () => import('./commands/plan.ts'),
  },
  runs: {
    summary: 'list the runs so far, show one, go on with a broken one, run one again',
    options: ['--pipe', '--status', '--since', '--limit', '--keep', '--older-than', '--format', '--help'],
    load: () => import('./commands/runs.ts'),
  },
  schedule: {
    summary: 'list the triggers of pipes, their next times, pause them, install them',
    options: [
      '--count',
      '--from',
      '--trigger',
      '--param',
      '--cron',
      '--systemd',
      '--write',
      '--format',
      '--log',
      '--help',
    ],
    load: () => import('./commands/schedule.ts'),
  },
  serve: {
    summary: 'run the schedules of a folder until it is told to stop',
    options: ['--listen', '--grace', '--log', '--help'],
    load: () => import('./commands/serve.ts'),
  },
  connections: {
    summary: 'add, list, verify and change the saved connections (short: conn)',
    options: ['--help'],
    load: () => import('./commands/connections.ts'),
  },
  connectors: {
    summary: 'list the connectors, show the fields of one, check a manifest of your own',
    options: ['--connection', '--format', '--help'],
    load: () => import('./commands/connectors.ts'),
  },
  ls: {
    summary: 'list what is in a connection or a folder',
    options: ['--recursive', '--limit', '--offset', '--format', '--help'],
    load: () => import('./commands/ls.ts'),
  },
  sample: {
    summary: 'show the first rows of a table or a file',
    options: ['--limit', '--format', '--read-as', '--help'],
    load: () => import('./commands/sample.ts'),
  },
  describe: {
    summary: 'show the columns of a table or a file',
    options: ['--format', '--read-as', '--help'],
    load: () => import('./commands/describe.ts'),
  },
  query: {
    summary: 'run a SQL statement that only reads',
    options: ['--limit', '--format', '--parameter', '--help'],
    load: () => import('./commands/query.ts'),
  },
  cat: {
    summary: 'write a file, or the rows of a table, to stdout',
    options: ['--format', '--help'],
    load: () => import('./commands/cat.ts'),
  },
  cp: {
    summary: 'copy files between connections, or rows between tables and files',
    options: ['--help'],
    load: () => import('./commands/cp.ts'),
  },
  types: {
    summary: "write TypeScript types for the project's pipes and the rows they read",
    options: ['--out', '--offline', '--help'],
    load: () => import('./commands/types.ts'),
  },
  completion: {
    summary: 'print a completion script for bash, zsh or fish',
    options: ['--help'],
    load: () => import('./commands/completion.ts'),
  },
};

/** What is typed for short. */
export const shortVerbs: Readonly<Record<string, string>> = {
  conn: 'connections',
  connection: 'connections',
  connector: 'connectors',
};
