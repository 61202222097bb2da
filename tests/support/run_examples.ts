// SPDX-License-Identifier: Apache-2.0
/**
 * Runs command lines of `aperture` one after the other in this process, in its terminal or pipe, and writes what each
 * said and ended with as JSON: `run_examples.ts LINES.json RESULTS.json`.
 *
 * @module
 */

import { runProgram } from "../../cli/program.ts";
import type { Sink } from "../../cli/io.ts";

/** Is how one line ended. */
export interface Result {
  readonly line: string;
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Returns the words of a line as a shell splits them: by spaces, but for what is in single quotes. */
export function wordsOf(line: string): string[] {
  return [...line.matchAll(/(?:'[^']*'|[^\s'])+/g)].map(([word]) => word.replaceAll("'", ""));
}

/** Passes bytes on, and keeps them. */
class Tee implements Sink {
  readonly #to: Sink | undefined;
  readonly #decoder = new TextDecoder();
  text = "";

  constructor(to: Sink | undefined) {
    this.#to = to;
  }

  async write(bytes: Uint8Array): Promise<number> {
    this.text += this.#decoder.decode(bytes, { stream: true });
    return await this.#to?.write(bytes) ?? bytes.length;
  }
}

async function runLine(line: string): Promise<Result> {
  const [command, target] = line.split(/ > (?=\S+$)/);
  const isTerminal = Deno.stdout.isTerminal();
  const terminal = isTerminal && target === undefined;
  const [stdout, stderr] = [new Tee(target === undefined ? Deno.stdout : undefined), new Tee(Deno.stderr)];
  const code = await runProgram(wordsOf(command!).slice(1), {
    env: Deno.env.toObject(),
    ...{ stdout, stderr, terminal, colors: terminal && !Deno.noColor, now: Date.now },
    width: () => terminal ? Deno.consoleSize().columns : Infinity,
    signal: new AbortController().signal,
  });
  return { line, code, stdout: stdout.text, stderr: stderr.text };
}

if (import.meta.main) {
  const [lines, results] = Deno.args;
  const all: Result[] = [];
  for (const line of JSON.parse(await Deno.readTextFile(lines!)) as string[]) all.push(await runLine(line));
  await Deno.writeTextFile(results!, JSON.stringify(all));
  // One that reads keys leaves a read behind.
  Deno.exit(0);
}
