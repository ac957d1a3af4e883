// Every verb of `pipe`, with the line that help shows and the options that completion offers.

export interface Verb {
  summary: string;
  options: string[];
  load(): Promise<{ command(argv: string[]): Promise<number> }>;
}

export const verbs: Readonly<Record<string, Verb>> = {
  run: {
    summary: 'run a pipe file',
    options: ['--param', '--limit', '--dry-run', '--log', '--report', '--quiet', '--help'],
    load: () => import('./commands/run.ts'),
  },
  check: {
    summary: 'find the mistakes in pipe files, without running or connecting',
    options: ['--format', '--help'],
    load: () => import('./commands/check.ts'),
  },
  plan: {
    summary: 'show what a run would do, step by step',
    options: ['--param', '--format', '--help'],
    load: () => import('./commands/plan.ts'),
  },
  completion: {
    summary: 'print a completion script for bash, zsh or fish',
    options: ['--help'],
    load: () => import('./commands/completion.ts'),
  },
};
