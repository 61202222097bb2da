// SPDX-License-Identifier: Apache-2.0
/**
 * Walks that go by what earlier ones found and read the stack in pieces, beside walks that look for all of it and read word
 * by word.
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

testWith(
  ["bpf", "clang", "gcc"],
  "walks by what others found are those that look for all of it, while code is replaced",
  async () => {
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
    // Each plug-in runs for half a second.
    await compare(running, { lookMs: 1200, leastStacks: 20 });
  },
);

testWith(
  ["bpf", "clang", "gcc"],
  "walks that read the stack in pieces are those that read each word, whatever the frames' sizes",
  async () => {
    using program = await compileUnwind("pieces.c");
    await using running = await RunningProgram.start(program.path);
    const stacks = await compare(running, { lookMs: 300, leastStacks: 60 });
    const depths = [...stacks.keys()].map((stack) => stack.split(" ").length);
    assert(Math.max(...depths) > 40, `the deepest has ${Math.max(...depths)} frames`);
  },
);

/**
 * Has two collectors look at the same calls of a program, one of which makes each walk anew, and asserts that they saw the
 * same stacks; returns these.
 */
async function compare(
  { pid }: RunningProgram,
  { lookMs, leastStacks }: {
    /** They look for so long. */
    lookMs: number;
    /** There are more than so many. */
    leastStacks: number;
  },
): Promise<Map<string, number>> {
  await build("bpf");
  await using unwinder = Unwinder.open();
  const objects: BpfObject[] = [];
  const open = (constants: Record<string, number>) =>
    SyscallCollector.open({
      pid,
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
  using searching = open({ use_found: 0, use_pieces: 0 });
  let known = false;
  const stacks = await until(async () => {
    // Both see the same calls: none begins before both look, or ends after one has stopped looking.
    await stop(pid);
    await Promise.all([finding.drain(), searching.drain()]);
    await unwinder.settle();
    unwinder.endWindow();
    Deno.kill(pid, "SIGCONT");
    await new Promise((resolve) => setTimeout(resolve, lookMs));
    await stop(pid);
    const windows = await Promise.all([finding.drain(), searching.drain()]);
    Deno.kill(pid, "SIGCONT");
    const missed = MISSED.some((end) => windows[1]!.stackEnds?.has(end));
    const ready = known && !missed;
    known = !missed;
    if (!ready) return undefined;
    const [found, searched] = windows.map(stacksOf);
    // On a busy machine the program may have had no turn.
    if (found!.size === 0) return undefined;
    assert(found!.size > leastStacks, `only ${found!.size} stacks`);
    assertEquals(found, searched);
    assertEquals(windows[0]!.stackEnds, windows[1]!.stackEnds);
    return found;
  });
  const used = objects.map((object) => {
    return object.map("found").lookup(Uint32Array.of(0))!.filter((byte) => byte !== 0).length;
  });
  assert(used[0]! > 20 && used[1] === 0, `${used}`);
  return stacks;
}

/** Stops a program, and waits until none of its threads runs. */
async function stop(pid: number): Promise<void> {
  Deno.kill(pid, "SIGSTOP");
  await until(() => /^State:\s+T/m.test(Deno.readTextFileSync(`/proc/${pid}/status`)));
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
