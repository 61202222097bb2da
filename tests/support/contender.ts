// SPDX-License-Identifier: Apache-2.0
/**
 * Programs that wait for locks in a known way, like `tests/programs/locks.c`.
 *
 * @module
 */

/** Holds what a program measured of itself; those that wait by calls of their own know more. */
export interface Measured {
  /** Its threads were in the calls that wait for this long, together, in ns. */
  readonly delayNs: number;
  readonly woken?: number;
  readonly timeouts?: number;
  readonly refused?: number;
  readonly wakes?: number;
}

/** A program that is ready to contend; disposing ends it. */
export class Contender implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #output: ReadableStreamDefaultReader<string>;

  #ended = false;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#input = child.stdin.getWriter();
    this.#output = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Starts `command`, and waits until it says that it is ready. */
  static async start(command: string, args: readonly string[] = []): Promise<Contender> {
    const child = new Deno.Command(command, { args: [...args], stdin: "piped", stdout: "piped" }).spawn();
    const contender = new Contender(child);
    const line = await contender.#read();
    if (line !== "ready") throw new Error(`${command} is not ready: it says "${line}"`);
    return contender;
  }

  /** Has it contend, and returns what it measured; it stays, so that its memory can be looked at. */
  contend<Result = Measured>(): Promise<Result> {
    const measured = this.#contend<Result>();
    // A test that fails before it waits for this ends the program, and fails by its own error alone.
    measured.catch(() => {});
    return measured;
  }

  async #contend<Result>(): Promise<Result> {
    await this.#input.write(new TextEncoder().encode("\n"));
    return JSON.parse(await this.#read());
  }

  async #read(): Promise<string> {
    const { value = "" } = await this.#output.read();
    return value.trim();
  }

  /** Ends it, when it did not end before. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    await this.#input.close();
    await this.#output.cancel();
    await this.#child.status;
  }
}
