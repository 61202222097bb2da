// SPDX-License-Identifier: Apache-2.0
/**
 * Walks that go by what earlier ones found, beside walks that look for all of it.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { Window } from "../agent/collectors/collector.ts";
import { SyscallCollector } from "../agent/collectors/syscall.ts";
import type { BpfObject } from "../agent/libbpf/mod.ts";
import { Unwinder } from "../agent/unwind/unwinder.ts";
import { build } from "../tasks/build.ts";
import { testWith } from "./support/needs.ts";
import { run, RunningProgram, TempFolder } from "./support/programs.ts";
import { compileUnwind } from "./support/unwind_programs.ts";
import { until } from "./support/until.ts";

/** What is loaded for the first time is missed then, by one of the two walks or by both. */
const MISSED = ["no_process", "no_mapping", "no_page"];
/** Entries of the map of rules that were found. */
const FOUND_RULES = 512;

testWith(
  ["bpf", "clang", "gcc"],
  "walks by what others found are those that look for all of it, while code is replaced",
  async () => {
    await build("bpf");
    using folder = new TempFolder();
    const source = new URL("./programs/unwind/calling_plugin.c", import.meta.url).pathname;
    const plugins = [1, 3].map((calls) => {
      const path = `${folder.path}/${calls}.so`;
      run("gcc", ["-O2", "-shared", "-fPIC", `-DCALLS=${calls}`, "-o", path, source]);
      return path;
    });
    using program = await compileUnwind("reload.c");
    await using running = await RunningProgram.start(program.path, plugins);
    assertEquals(running.firstLine, "same");
    await using unwinder = Unwinder.open();
    const objects: BpfObject[] = [];
    const open = (constants: Record<string, number>) =>
      SyscallCollector.open({
        pid: running.pid,
        slowNs: 0,
        sampleEvery: 1,
        unwinder: {
          share(object) {
            unwinder.share(object);
            object.setConstants(constants);
            objects.push(object);
          },
        },
      });
    using finding = open({});
    using searching = open({ use_found: 0 });
    let known = false;
    await until(async () => {
      // Both see the same calls: none begins before both look, or ends after one has stopped looking.
      await stop(running.pid);
      await Promise.all([finding.drain(), searching.drain()]);
      await unwinder.settle();
      unwinder.endWindow();
      Deno.kill(running.pid, "SIGCONT");
      // Each plug-in runs for half a second.
      await new Promise((resolve) => setTimeout(resolve, 1200));
      await stop(running.pid);
      const windows = await Promise.all([finding.drain(), searching.drain()]);
      Deno.kill(running.pid, "SIGCONT");
      const missed = MISSED.some((end) => windows[1]!.stackEnds?.has(end));
      const ready = known && !missed;
      known = !missed;
      if (!ready) return undefined;
      const [found, searched] = windows.map(stacksOf);
      assert(found!.size > 20, `only ${found!.size} stacks`);
      assertEquals(found, searched);
      assertEquals(windows[0]!.stackEnds, windows[1]!.stackEnds);
      return found;
    });
    const used = objects.map((object) => {
      const map = object.map("found_rules");
      return Array.from({ length: FOUND_RULES }, (_, i) => map.lookup(Uint32Array.of(i)))
        .filter((value) => value?.some((byte) => byte !== 0)).length;
    });
    assert(used[0]! > 20 && used[1] === 0, `${used}`);
  },
);

/** Stops a program, and waits until none of its threads runs. */
async function stop(pid: number): Promise<void> {
  Deno.kill(pid, "SIGSTOP");
  await until(() => /^State:\s+T/m.test(Deno.readTextFileSync(`/proc/${pid}/status`)) || undefined);
}

/** Returns how many calls had which stack. */
function stacksOf({ samples }: Window): Map<string, number> {
  const stacks = new Map<string, number>();
  for (const { call, user, count } of samples) {
    const key = `${call} ${user.map((address) => address.toString(16)).join(" ")}`;
    stacks.set(key, (stacks.get(key) ?? 0) + count);
  }
  return stacks;
}
