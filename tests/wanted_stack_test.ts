// SPDX-License-Identifier: Apache-2.0
/**
 * Tests what the kernel side asks for where it misses a page of an unwind table.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { CpuCollector } from "../agent/collectors/cpu.ts";
import type { BpfObject } from "../agent/libbpf/mod.ts";
import { Unwinder } from "../agent/unwind/unwinder.ts";
import { PAGE_BYTES } from "../agent/unwind/table.ts";
import { build } from "../tasks/build.ts";
import { testWith } from "./support/needs.ts";
import { run, RunningProgram } from "./support/programs.ts";
import { compileUnwind } from "./support/unwind_programs.ts";
import { PATIENCE_MS, until } from "./support/until.ts";

testWith(
  ["bpf", "clang", "gcc", "nm"],
  "a walk that misses a page asks for those of all its callers, which it did not come to",
  async () => {
    await build("bpf");
    using program = await compileUnwind("apart.c");
    const pages = pagesOf(program.path);
    assertEquals(pages.size, 12);
    await using running = await RunningProgram.start(program.path, []);
    Deno.kill(running.pid, "SIGSTOP");
    await until(() => /^State:\s+T/m.test(Deno.readTextFileSync(`/proc/${running.pid}/status`)));
    await using unwinder = Unwinder.open();
    let object: BpfObject;
    using _collector = CpuCollector.open({
      pid: running.pid,
      unwinder: {
        share(shared) {
          unwinder.share(shared);
          object = shared;
        },
      },
    });
    unwinder.warm(running.pid);
    await unwinder.settle();
    // Nothing is awaited from here on: what is wanted stays on the list, and no page is loaded, so that walks never come
    // to the callers.
    Deno.kill(running.pid, "SIGCONT");
    const wanted = new Set<number>();
    const deadline = Date.now() + PATIENCE_MS;
    while (!pages.isSubsetOf(wanted) && Date.now() < deadline) {
      object!.map("unwind_wanted_pages").read(({ count, keys }) => {
        for (let i = 0; i < count; i++) wanted.add(keys.getUint32(i * 8 + 4, true));
      });
    }
    assertEquals(pages.difference(wanted), new Set());
  },
);

/** Returns the pages of the program's table that have the functions of its stack. */
function pagesOf(path: string): Set<number> {
  const levels = run("nm", [path]).matchAll(/^([0-9a-f]+) T level_\d+$/gm);
  return new Set(levels.map(([, address]) => Math.floor(parseInt(address!, 16) / PAGE_BYTES)));
}
