// SPDX-License-Identifier: Apache-2.0
/**
 * Finds the script that an interpreter runs: people call the process by it, as there may be many of one interpreter.
 *
 * @module
 */

/** Says how an interpreter's command line is read up to what it runs. */
interface Rules {
  /** Matches the base name of the program. */
  readonly program: RegExp;
  /** Matches options whose value is the argument that follows. */
  readonly withValue: RegExp;
  /** Matches options after which there is no script, but code, or nothing. */
  readonly withoutScript: RegExp;
  /** Matches options whose value is what is run; that is the group of the match, or the argument that follows. */
  readonly runs?: RegExp;
  /** Matches words before the script that are none. */
  readonly command?: RegExp;
  /** Makes the name of what is run. @default its base name */
  readonly name?: (script: string) => string;
}

const baseName = (path: string) => path.replace(/\/+$/, "").split("/").at(-1)!;
/** Returns the last part of `org.example.Main`, or the module of `MODULE/CLASS`; a file keeps its suffix. */
const className = (name: string) => {
  return name.endsWith(".jar") ? baseName(name) : name.split("/")[0]!.split(".").at(-1)!;
};

const INTERPRETERS: readonly Rules[] = [
  {
    program: /^(python|pypy)[\d.]*$/,
    // Short options may stand together, as in -Bum MODULE.
    withValue: /^(-[a-zA-BD-LN-VYZ]*[WX]|--check-hash-based-pycs)$/,
    withoutScript: /^-[a-ln-zA-VYZ]*c/,
    runs: /^-[abd-ln-zA-VYZ]*m(.*)$/,
  },
  {
    program: /^node(js)?$/,
    withValue:
      /^(-r|--require|--import|--loader|--experimental-loader|-C|--conditions|--env-file|--title|--inspect-port)$/,
    withoutScript: /^(-e|--eval|-p|--print|-pe|-i|--interactive|-)$/,
  },
  {
    program: /^deno$/,
    withValue: /^(-c|--config|--import-map|--lock|--cert|--location|--ext|-L|--log-level)$/,
    withoutScript: /^-$/,
    command: /^(run|serve|test|bench|compile|task)$/,
  },
  {
    program: /^java$/,
    withValue:
      /^(-cp|-classpath|--class-path|-p|--module-path|--upgrade-module-path|--add-modules|--add-(opens|exports|reads))$/,
    withoutScript: /^(-version|--version|-help|--help)$/,
    runs: /^(?:-jar|-m|--module)$/,
    name: className,
  },
  {
    program: /^(ba|da|z|k|mk|a|)sh$/,
    withValue: /^([-+][oO]|--rcfile|--init-file)$/,
    withoutScript: /^(-[a-zA-Z]*[cs][a-zA-Z]*)$/,
  },
];

/** Longer ones are cut. */
const MAX_LENGTH = 64;

/** Tells whether the program at `exe` runs scripts that {@linkcode scriptName} knows. */
export function isInterpreter(exe: string): boolean {
  return rulesOf(exe) !== undefined;
}

function rulesOf(exe: string): Rules | undefined {
  const program = baseName(exe);
  return INTERPRETERS.find((rules) => rules.program.test(program));
}

/**
 * Returns the name of the script, module, class or archive that the interpreter at `exe` runs: no path, and none of
 * what follows it; "" where there is none, or the program is no interpreter.
 *
 * @param args of its command line, from the program's own name on
 */
export function scriptName(exe: string, args: readonly string[]): string {
  const rules = rulesOf(exe);
  if (!rules) return "";
  const { withValue, withoutScript, runs, command, name = baseName } = rules;
  const cut = (text: string) => name(text).slice(0, MAX_LENGTH).toWellFormed();
  for (let i = 1; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === "") continue;
    const run = runs?.exec(arg);
    if (run) return cut(run[1] || (args[i + 1] ?? ""));
    if (withoutScript.test(arg)) return "";
    if (withValue.test(arg)) i++;
    else if (!/^[-+]/.test(arg) && !command?.test(arg)) return cut(arg);
  }
  return "";
}

/** A command line is read so far; what is run stands at its begin, after the options of the interpreter. */
const MAX_BYTES = 16_384;
const decoder = new TextDecoder();

/** Returns the arguments of the process in `folder`; none where it is gone. */
export function readArguments(folder: string): string[] {
  try {
    using file = Deno.openSync(`${folder}/cmdline`);
    const bytes = new Uint8Array(MAX_BYTES);
    let length = 0;
    for (;;) {
      const read = file.readSync(bytes.subarray(length));
      if (!read) break;
      length += read;
    }
    return decoder.decode(bytes.subarray(0, length)).split("\0");
  } catch {
    return [];
  }
}
