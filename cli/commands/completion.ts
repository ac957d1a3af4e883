// `pipe completion`: a script that a shell loads to complete verbs, options and files.
import { Argument, Command } from 'commander';
import { parse } from '../parse.ts';
import { verbs } from '../verbs.ts';

export async function command(argv: string[]): Promise<number> {
  const program = new Command('pipe completion')
    .description('Prints a completion script.')
    .addArgument(new Argument('<shell>', 'which shell').choices(['bash', 'zsh', 'fish']))
    .addHelpText('after', '\nExample: pipe completion bash > ~/.local/share/bash-completion/completions/pipe');
  const parsed = parse(program, argv);
  if (parsed.code !== undefined) return parsed.code;
  process.stdout.write(scripts[parsed.args[0] as keyof typeof scripts]());
  return 0;
}

const names = () => Object.keys(verbs).join(' ');
const optionCases = () =>
  Object.entries(verbs)
    .map(([name, { options }]) => `    ${name}) options="${options.join(' ')}" ;;`)
    .join('\n');

const scripts = {
  bash: () => `# pipe completion for bash
_pipe() {
  local current="\${COMP_WORDS[COMP_CWORD]}" options=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${names()}" -- "$current"))
    return
  fi
  case "\${COMP_WORDS[1]}" in
${optionCases()}
  esac
  case "$current" in
    -*) COMPREPLY=($(compgen -W "$options" -- "$current")) ;;
    *) compopt -o default; COMPREPLY=() ;;
  esac
}
complete -F _pipe pipe
`,
  zsh: () => `#compdef pipe
_pipe() {
  local -a options
  if (( CURRENT == 2 )); then
    local -a verbs=(${Object.entries(verbs)
      .map(([name, { summary }]) => `'${name}:${summary.replaceAll("'", "'\\''")}'`)
      .join(' ')})
    _describe command verbs
    return
  fi
  case "$words[2]" in
${Object.entries(verbs)
  .map(([name, { options }]) => `    ${name}) options=(${options.join(' ')}) ;;`)
  .join('\n')}
  esac
  if [[ "$words[CURRENT]" == -* ]]; then compadd -- $options; else _files; fi
}
compdef _pipe pipe
`,
  fish: () =>
    `# pipe completion for fish
complete -c pipe -n __fish_use_subcommand -f
${Object.entries(verbs)
  .map(([name, { summary, options }]) =>
    [
      `complete -c pipe -n __fish_use_subcommand -a ${name} -d '${summary.replaceAll("'", "\\'")}'`,
      ...options.map(
        (option) => `complete -c pipe -n '__fish_seen_subcommand_from ${name}' -l ${option.replace(/^-+/, '')}`,
      ),
    ].join('\n'),
  )
  .join('\n')}
`,
};
