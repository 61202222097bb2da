/**
 * Programs that tests run and watch.
 *
 * @module
 */

import { compile, FRAME_POINTERS } from "../../tasks/compile.ts";

/** A test program that says `ready` on its first line; disposing kills it. */
export class TestProgram implements AsyncDisposable {
  readonly child: Deno.ChildProcess;

  private constructor(child: Deno.ChildProcess) {
    this.child = child;
  }

  get pid(): number {
    return this.child.pid;
  }

  /** Starts `path` and waits until it is ready. */
  static async start(path: string, args: readonly string[] = []): Promise<TestProgram> {
    const child = new Deno.Command(path, { args: [...args], stdout: "piped", stdin: "null" }).spawn();
    const reader = child.stdout.getReader();
    const { value } = await reader.read();
    reader.releaseLock();
    if (new TextDecoder().decode(value).trim() !== "ready") throw new Error(`${path} is not ready`);
    return new TestProgram(child);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.child.kill("SIGKILL");
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // It has ended by itself.
    }
    await this.child.stdout.cancel();
    await this.child.status;
  }
}

/** Compiles `tests/programs/NAME.c` into `folder` and returns the program's path. */
export async function compileProgram(
  name: string,
  folder: string,
  flags: readonly string[] = FRAME_POINTERS,
): Promise<string> {
  const path = `${folder}/${name}`;
  await compile(new URL(`../programs/${name}.c`, import.meta.url), path, { flags });
  return path;
}

/** What a program printed and how it ended. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `program` to its end. */
export async function runProgram(
  program: string,
  args: readonly string[],
  options: Deno.CommandOptions = {},
): Promise<Ran> {
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    stdin: "null",
    ...options,
  }).output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}
