/**
 * Programs that tests watch.
 *
 * @module
 */

/** A running program, ended when it is disposed of. */
export interface Running extends AsyncDisposable {
  readonly pid: number;
}

export interface RunOptions {
  /**
   * Ahead of other programs, when we may: what it uses of a CPU then does not depend on what else the machine does.
   * @default {false}
   */
  urgent?: boolean;
}

/** Runs `command` until it is disposed of. */
export function run(
  command: string,
  args: readonly string[] = [],
  { urgent = false }: RunOptions = {},
): Running {
  const child = new Deno.Command("nice", {
    args: ["-n", urgent && Deno.uid() === 0 ? "-20" : "0", command, ...args],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  return {
    pid: child.pid,
    async [Symbol.asyncDispose]() {
      try {
        child.kill("SIGKILL");
      } catch {
        // It ended by itself.
      }
      await child.status;
    },
  };
}

/** Uses a whole CPU, in user code only. */
export function runBusy(options: RunOptions = {}): Running {
  return run("sh", ["-c", "while :; do :; done"], options);
}

/** Compiles C; the program is gone when it is disposed of. */
export async function compileC(
  source: string,
  { flags = [] }: {
    /** For the compiler. @default {[]} */
    flags?: readonly string[];
  } = {},
): Promise<{ path: string } & Disposable> {
  const folder = await Deno.makeTempDir({ prefix: "aperture-c-" });
  await Deno.writeTextFile(`${folder}/program.c`, source);
  const path = `${folder}/program`;
  const { success, stderr } = await new Deno.Command("clang", {
    args: ["-O1", "-g", "-pthread", ...flags, `${folder}/program.c`, "-o", path],
  }).output();
  if (!success) throw new Error(`Cannot compile: ${new TextDecoder().decode(stderr)}`);
  return { path, [Symbol.dispose]: () => Deno.removeSync(folder, { recursive: true }) };
}
