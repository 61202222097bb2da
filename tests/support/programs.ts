// SPDX-License-Identifier: Apache-2.0
/**
 * Programs that tests compile and run.
 *
 * @module
 */

import { limitCpu } from "./cpu_limit.ts";

/** A folder that goes with what is in it. */
export class TempFolder implements Disposable {
  readonly path = Deno.makeTempDirSync({ prefix: "aperture-test-" });

  /** Writes a file and gives its path. */
  write(name: string, content: string | Uint8Array): string {
    const path = `${this.path}/${name}`;
    Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    if (typeof content === "string") Deno.writeTextFileSync(path, content);
    else Deno.writeFileSync(path, content);
    return path;
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

/** Returns whether there is a regular file at `path`. */
export function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** Runs a command to its end and gives its standard output; throws with its words when it fails. */
export function run(command: string, args: readonly string[], options: { cwd?: string } = {}): string {
  const { success, stdout, stderr } = new Deno.Command(command, { args: [...args], ...options }).outputSync();
  const decoder = new TextDecoder();
  if (!success) throw new Error(`Cannot run ${command} ${args.join(" ")}: ${decoder.decode(stderr)}`);
  return decoder.decode(stdout);
}

/** The part of a CPU that a program that runs has by default: enough samples, and time for other tests. */
const SHARE = 0.4;

/** A program that runs until it is disposed of, after it wrote its first line. */
export class RunningProgram implements AsyncDisposable {
  readonly pid: number;
  readonly firstLine: string;
  readonly #child: Deno.ChildProcess;
  /** It is open as long as the program runs: what else it writes must not end it. */
  readonly #words: ReadableStreamDefaultReader<string>;
  readonly #limit: Disposable | undefined;

  private constructor(
    child: Deno.ChildProcess,
    { firstLine, words, limit }: {
      firstLine: string;
      words: ReadableStreamDefaultReader<string>;
      limit: Disposable | undefined;
    },
  ) {
    this.#child = child;
    this.pid = child.pid;
    this.firstLine = firstLine;
    this.#words = words;
    this.#limit = limit;
  }

  /**
   * Runs `command` and waits for its first line; from then on it has a part of a CPU where the machine can see to it.
   *
   * @param options.urgent ahead of all other programs and as fast as it goes, so that what it uses of a CPU does not
   * depend on them
   * @param options.share of one CPU that it has otherwise @default {0.4}
   */
  static async start(
    command: string,
    args: readonly string[] = [],
    { urgent = false, share = SHARE }: { urgent?: boolean; share?: number } = {},
  ): Promise<RunningProgram> {
    const line = urgent ? ["chrt", "-f", "1", command, ...args] : [command, ...args];
    const child = new Deno.Command(line[0]!, { args: line.slice(1), stdout: "piped", stdin: "piped" })
      .spawn();
    const words = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    while (!text.includes("\n")) {
      const { done, value } = await words.read();
      if (done) break;
      text += value;
    }
    await child.stdin.close();
    const limit = urgent ? undefined : limitCpu(child.pid, share);
    return new RunningProgram(child, { firstLine: text.slice(0, text.indexOf("\n")), words, limit });
  }

  /** Kills the program and waits for its end. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await this.#words.cancel();
    await this.#child.status;
    this.#limit?.[Symbol.dispose]();
  }
}
