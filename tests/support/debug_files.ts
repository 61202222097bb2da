// SPDX-License-Identifier: Apache-2.0
/**
 * Programs whose debug information is elsewhere, and a debuginfod server that has it.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import { freePort } from "../../common/free_port.ts";
import { run, type TempFolder } from "./programs.ts";

/** Prints where `spin_leaf` is, then runs it; with an argument it only waits. */
const SPIN_INLINED = `
#include <stdio.h>
#include <unistd.h>
struct basket { int first; long second; char label[40]; struct basket *next; };
enum colour_of_things { RED_THING, GREEN_THING, BLUE_THING, YELLOW_THING, BLACK_THING };
static volatile long sink;
static inline __attribute__((always_inline)) long inner_step(struct basket *b, long n) {
  for (long i = 0; i < n; i++) sink += i * n + b->first;
  return sink;
}
static inline __attribute__((always_inline)) long middle_step(struct basket *b, long n) {
  long first = inner_step(b, n);
  return first + inner_step(b, n + 1);
}
static __attribute__((noinline)) long spin_leaf(long n) {
  struct basket b = {n, n, "", 0};
  enum colour_of_things colour = n & 3;
  return middle_step(&b, n) + colour;
}
/* A function that only the symbol table knows. */
asm(".text\\n.balign 16\\n.type plain_leaf, @function\\nplain_leaf: .rept 5\\nadd $1, %eax\\n.endr\\nret\\n.size plain_leaf, 16");
int main(int argc, char **argv) {
  printf("%p\\n", (void *)spin_leaf);
  fflush(stdout);
  for (;;) argc > 1 ? pause() : spin_leaf(1000);
}
`;

/** A program without symbols, and the file that has them. */
export interface Stripped {
  readonly path: string;
  readonly debug: string;
  readonly buildId: string;
  /** Is the address of `spin_leaf`, as its symbol table counts. */
  readonly address: number;
  readonly size: number;
  /** Is the address of `plain_leaf`, which has no debug information. */
  readonly plain: number;
}

/** Compiles {@linkcode SPIN_INLINED} into the folder NAME, and its debug file into NAME/debug. */
export function strippedSpin(folder: TempFolder, name: string, flags: readonly string[] = []): Stripped {
  const source = folder.write(`${name}/source.c`, SPIN_INLINED + `int ${name}_only;\n`);
  const [path, debug] = [`${folder.path}/${name}/program`, `${folder.path}/${name}/debug/program.debug`];
  Deno.mkdirSync(`${folder.path}/${name}/debug`);
  run("gcc", ["-O2", "-g", "-Wl,--build-id", "-o", path, source, ...flags]);
  const [address, size] = /^(\w+) (\w+) t spin_leaf$/m.exec(run("nm", ["-S", path]))!.slice(1);
  const plain = parseInt(/^(\w+) t plain_leaf$/m.exec(run("nm", [path]))![1]!, 16);
  const buildId = buildIdOf(path);
  run("objcopy", ["--only-keep-debug", path, debug]);
  run("strip", ["--strip-all", path]);
  return { path, debug, buildId, address: parseInt(address!, 16), size: parseInt(size!, 16), plain };
}

/** Returns the build id, as readelf says it. */
export function buildIdOf(path: string): string {
  return /Build ID: (\w+)/.exec(run("readelf", ["-n", path]))![1]!;
}

/**
 * Returns the functions and lines of each address of `spin_leaf`, innermost first, as eu-addr2line reads the debug
 * file.
 */
export function sourceLines({ debug, address, size }: Stripped): string[][] {
  const addresses = Array.from({ length: size }, (_, i) => `0x${(address + i).toString(16)}`);
  const blocks = run("eu-addr2line", ["-a", "-i", "-f", "-e", debug, ...addresses]).split(/^0x\w+\n/m).slice(
    1,
  );
  return blocks.map((block) => {
    const lines = block.trimEnd().split("\n");
    return Array.from({ length: lines.length / 2 }, (_, i) => {
      const place = lines[2 * i + 1]!.replace(/^(.*?:\d+)(:\d+)?.*$/, "$1");
      return `${lines[2 * i]!.replace(/ inlined at .*/, "")} ${place}`;
    });
  });
}

/** elfutils' own server, with the files below some folders. */
export class RealDebuginfod implements AsyncDisposable {
  readonly url: URL;
  readonly #child: Deno.ChildProcess;

  private constructor(url: URL, child: Deno.ChildProcess) {
    this.url = url;
    this.#child = child;
  }

  /** Returns once it has what it needs to give each of `buildIds`. */
  static async start(folders: readonly string[], buildIds: readonly string[]): Promise<RealDebuginfod> {
    const port = freePort();
    const url = new URL(`http://127.0.0.1:${port}`);
    const args = ["-p", `${port}`, "-d", ":memory:", "-F", "-t", "1", "-c", "1", ...folders];
    const env = { DEBUGINFOD_URLS: "" }; // It would ask others for what it does not have.
    const child = new Deno.Command("debuginfod", { args, env, stdout: "null", stderr: "null" }).spawn();
    const server = new RealDebuginfod(url, child);
    for (const buildId of buildIds) {
      while (!await has(url, buildId)) await delay(50);
    }
    return server;
  }

  /** Counts the requests for debug files that it has answered so. */
  async answers(status: number): Promise<number> {
    const metrics = await (await fetch(new URL("/metrics", this.url))).text();
    const name = `http_responses_duration_milliseconds_count{code="${status}",type="debuginfo"}`;
    return Number(metrics.split("\n").find((line) => line.startsWith(name))?.split(" ")[1] ?? 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.status;
  }
}

async function has(url: URL, buildId: string): Promise<boolean> {
  try {
    const response = await fetch(new URL(`/buildid/${buildId}/debuginfo`, url));
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false; // It does not listen yet.
  }
}
