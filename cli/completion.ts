// SPDX-License-Identifier: Apache-2.0
/**
 * `aperture completion`: what shells complete, made of the commands' own tables.
 *
 * @module
 */

import { closestWord } from "../common/closest.ts";
import { UsageError } from "../common/settings.ts";
import { LABELS } from "../profile/labels.ts";
import { WORDS } from "./ask/selector.ts";
import { type Command, defineCommand, refuseRest, STATUS } from "./command.ts";
import { write } from "./io.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;
type Shell = (typeof SHELLS)[number];

/** Makes the command; it completes `commands`, and itself. */
export function completion(commands: readonly Command[]): Command {
  const command = defineCommand({
    name: "completion",
    group: "For scripts and assistants",
    summary: "What bash, zsh or fish complete",
    usage: "completion bash|zsh|fish",
    words: SHELLS,
    settings: {},
    examples: [
      { line: "aperture completion bash > aperture.bash", does: "then in ~/.bashrc: . aperture.bash" },
      { line: "aperture completion zsh > _aperture", does: "into a folder of $fpath" },
      { line: "aperture completion fish > aperture.fish", does: "into ~/.config/fish/completions" },
      { line: "aperture completion bash", does: 'for eval, as in eval "$(aperture completion bash)"' },
      { line: "aperture completion fish", does: "for source, as in aperture completion fish | source" },
    ],
    run: async ({ rest, io }) => {
      await write(io, script(shellOf(rest), [...commands, command]));
      return STATUS.ok;
    },
  });
  return command;
}

function shellOf(rest: readonly string[]): Shell {
  refuseRest(rest, 1);
  const shell = SHELLS.find((shell) => shell === rest[0]);
  if (shell) return shell;
  if (rest[0] === undefined) throw new UsageError(`Missing a shell: one of ${SHELLS.join(", ")}`);
  const meant = closestWord(rest[0], SHELLS);
  throw new UsageError(
    `Unknown shell '${rest[0]}': ${meant ? `did you mean '${meant}'?` : `one of ${SHELLS.join(", ")}`}`,
  );
}

function script(shell: Shell, commands: readonly Command[]): string {
  if (shell === "bash") return bash(commands);
  return shell === "zsh" ? zsh(commands) : fish(commands);
}

/** Returns the flags of a command; of values that are one of a few, what these are. */
function flagsOf(
  { settings }: Command,
): { flag: string; alias?: string; takes: boolean; values: string[]; help: string }[] {
  return Object.values(settings).map(({ flag, alias, placeholder, schema, help }) => ({
    flag,
    ...alias === undefined ? {} : { alias },
    takes: placeholder !== "",
    values: optionsOf(schema),
    help,
  }));
}

function optionsOf(schema: unknown): string[] {
  const { type, options } = schema as { type?: string; options?: readonly unknown[] };
  return type === "picklist"
    ? (options ?? []).map(String).filter((option) => option !== "true" && option !== "false")
    : [];
}

/** A selector begins with a label and an operator. */
function firstWords({ words = [], group }: Command): string[] {
  const labels = group === "Ask an aggregator" ? [...LABELS, ...WORDS].map((label) => `${label}=`) : [];
  return [...words, ...labels];
}

function bash(commands: readonly Command[]): string {
  const cases = commands.filter(({ passes }) => !passes).map((command) => {
    const flags = flagsOf(command);
    const valued = flags.filter(({ values }) => values.length > 0).map(({ flag, alias, values }) =>
      `      --${flag}${alias === undefined ? "" : ` | -${alias}`}) words="${values.join(" ")}" ;;\n`
    ).join("");
    const files = flags.filter(({ takes, values }) => takes && values.length === 0)
      .map(({ flag, alias }) => `--${flag}${alias === undefined ? "" : ` | -${alias}`}`).join(" | ");
    return `  ${command.name})
    case $before in
${valued}${files === "" ? "" : `      ${files}) COMPREPLY=($(compgen -f -- "$word")); return ;;\n`}      *)
        words="${flags.map(({ flag }) => `--${flag}`).join(" ")}"
        case $word in -*) ;; *) words="${firstWords(command).join(" ")}" ;; esac ;;
    esac ;;
`;
  }).join("");
  return `# Completes aperture in bash.
_aperture() {
  local word before words
  COMPREPLY=()
  word=\${COMP_WORDS[COMP_CWORD]}
  before=\${COMP_WORDS[COMP_CWORD - 1]}
  if [ "$COMP_CWORD" = 1 ]; then
    COMPREPLY=($(compgen -W "${commands.map(({ name }) => name).join(" ")} help --help --version" -- "$word"))
    return
  fi
  case \${COMP_WORDS[1]} in
${cases}  help) words="${commands.map(({ name }) => name).join(" ")}" ;;
  *) COMPREPLY=($(compgen -f -- "$word")); return ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
  # Files are what is left: aperture report FILE.
  [ \${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- "$word"))
  case \${COMPREPLY[0]-} in *=) compopt -o nospace 2>/dev/null ;; esac
}
complete -F _aperture aperture
`;
}

/** Writes text between single quotes of any of the shells. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "’")}'`;
}

function zsh(commands: readonly Command[]): string {
  const brackets = (text: string) => text.replaceAll(/[[\]:\\]/g, "\\$&");
  const cases = commands.filter(({ passes }) => !passes).map((command) => {
    const flags = flagsOf(command).flatMap(({ flag, alias, takes, values, help }) => {
      const action = !takes ? "" : values.length > 0 ? `:value:(${values.join(" ")})` : ":value:_files";
      const names = [
        `--${flag}${takes ? "=" : ""}`,
        ...alias === undefined ? [] : [`-${alias}${takes ? "+" : ""}`],
      ];
      return names.map((name) => `      ${quoted(`${name}[${brackets(help)}]${action}`)}`);
    });
    const words = firstWords(command);
    const rest = words.length > 0 ? `'*:word:(${words.join(" ")})'` : "'*:file:_files'";
    return `    ${command.name}) _arguments -s -S \\
${flags.join(" \\\n")} \\
      ${rest} ;;
`;
  }).join("");
  return `#compdef aperture
# Completes aperture in zsh.
_aperture() {
  local -a commands
  commands=(
${commands.map(({ name, summary }) => `    ${quoted(`${name}:${brackets(summary)}`)}`).join("\n")}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${cases}    *) _files ;;
  esac
}
_aperture "$@"
`;
}

function fish(commands: readonly Command[]): string {
  const lines = commands.flatMap((command) => {
    const on = `complete -c aperture -n '__fish_seen_subcommand_from ${command.name}'`;
    const words = firstWords(command);
    return [
      `complete -c aperture -n __fish_use_subcommand -f -a ${command.name} -d ${quoted(command.summary)}`,
      ...flagsOf(command).map(({ flag, alias, takes, values, help }) =>
        `${on} -l ${flag}${alias === undefined ? "" : ` -s ${alias}`}${takes ? " -r" : ""}${
          values.length > 0 ? ` -f -a ${quoted(values.join(" "))}` : ""
        } -d ${quoted(help)}`
      ),
      ...words.length > 0 ? [`${on} -a ${quoted(words.join(" "))}`] : [],
    ];
  });
  return `# Completes aperture in fish.\n${lines.join("\n")}\n`;
}
