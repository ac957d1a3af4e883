// `pipe connections`: the saved connections; each thing to do with them is a file in connections/.
import { didYouMean } from '../../engine/suggest.ts';

interface Action {
  summary: string;
  load(): Promise<{ command(argv: string[]): Promise<number> }>;
}

export const actions: Readonly<Record<string, Action>> = {
  add: { summary: 'save a connection, its secrets in a credential store', load: () => import('./connections/add.ts') },
  list: { summary: 'list the saved connections with their status', load: () => import('./connections/list.ts') },
  show: { summary: 'show one, without its secrets', load: () => import('./connections/show.ts') },
  edit: { summary: 'change fields and secrets of one', load: () => import('./connections/edit.ts') },
  rename: { summary: 'give one another alias', load: () => import('./connections/rename.ts') },
  verify: { summary: 'try one, or all, and remember how that went', load: () => import('./connections/verify.ts') },
  login: { summary: 'sign in to a service that uses OAuth', load: () => import('./connections/login.ts') },
  disable: {
    summary: 'make one refuse every use',
    load: async () => (await import('./connections/switch.ts')).disable,
  },
  enable: { summary: 'make it usable again', load: async () => (await import('./connections/switch.ts')).enable },
  default: {
    summary: 'make one the connection that is meant where only its connector is named',
    load: async () => (await import('./connections/switch.ts')).makeDefault,
  },
  secure: {
    summary: 'move secrets that stand in a file into the credential store',
    load: () => import('./connections/secure.ts'),
  },
  remove: { summary: 'remove one and its credential', load: () => import('./connections/remove.ts') },
  export: {
    summary: 'print connections for another machine, never with secrets',
    load: () => import('./connections/export.ts'),
  },
  import: { summary: 'save what was exported', load: () => import('./connections/import.ts') },
};

const shortNames: Readonly<Record<string, string>> = { ls: 'list', rm: 'remove', new: 'add', test: 'verify' };

export async function command(argv: string[]): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined || name === '--help' || name === '-h') {
    (name === undefined ? process.stderr : process.stdout).write(help());
    return name === undefined ? 2 : 0;
  }
  const action = actions[shortNames[name] ?? name];
  if (action !== undefined) return (await action.load()).command(rest);
  process.stderr.write(
    `pipe connections: there is no action "${name}"${didYouMean(name, Object.keys(actions))}\nSee \`pipe connections --help\`.\n`,
  );
  return 2;
}

function help(): string {
  const lines = Object.entries(actions).map(([name, { summary }]) => `  ${name.padEnd(8)}  ${summary}`);
  return `Usage: pipe connections ACTION [options]

The connections saved for you, or with --project in the project's pipewright.yaml.

Actions:
${lines.join('\n')}

  pipe connections ACTION --help   one action's options, with an example

Example: pipe connections add postgres --alias shop --set host=db.example.com --set database=shop
`;
}
