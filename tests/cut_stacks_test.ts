// SPDX-License-Identifier: Apache-2.0
/**
 * Stacks in the places where walks go wrong: code that is replaced, that nobody called, that has no rule, or that is too
 * deep. What cannot be told is said by the last frame, and never guessed.
 *
 * @module
 */

import { assert, assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import { existsSync } from "node:fs";
import { run, RunningProgram, TempFolder } from "./support/programs.ts";
import { testWith } from "./support/needs.ts";
import { compileUnwind } from "./support/unwind_programs.ts";
import { assertChain, watch, type Watched } from "./support/user_stacks.ts";

const MAIN = "_start;(__libc_start_main[^;]*;)?(__libc_start_call_main;)?main";

testWith(["bpf", "clang", "gcc"], "code that is loaded where other code was has its own names", async () => {
  using folder = new TempFolder();
  const source = new URL("./programs/unwind/plugin.c", import.meta.url).pathname;
  const [old, other] = ["old", "new"].map((name) => {
    const path = `${folder.path}/${name}.so`;
    run("gcc", ["-O2", "-shared", "-fPIC", `-DLEAF=${name}_leaf`, "-o", path, source]);
    return path;
  });
  using program = await compileUnwind("reload.c");
  await using running = await RunningProgram.start(program.path, [old!, other!]);
  assertEquals(running.firstLine, "same");
  const watched = await watch(running.pid, {
    wanted: ["old", "new"].map((name) => ({ stack: new RegExp(`;${name}_leaf$`), samples: 200 })),
  });
  const share = shareOf(watched, /;old_leaf$/);
  // A tenth of a second of CPU each, in turn.
  assert(share > 0.25 && share < 0.75, `${share}: ${Deno.inspect(watched.stacks)}`);
  assert(shareOf(watched, /;(old|new)_leaf$/) > 0.9, Deno.inspect(watched.stacks));
});

for (
  const { name, source, flags = [], expected } of [
    {
      name: "a fiber of makecontext(), whose entry is its end",
      source: "fiber.c",
      expected: `^(libc\\.so\\.6\\+0x[0-9a-f]*0|__start_context);fiber_main;(job|swapcontext)$|^${MAIN}`,
    },
    {
      name: "a coroutine of assembly, whose entry returns to code that nobody called",
      source: "switched.c",
      expected: `^(make_stack;entry(;job|;to_stack)?|${MAIN}(;to_stack)?)$`,
    },
    {
      name: "code that was moved as a whole to memory of no file",
      source: "moved.c",
      expected: `^${MAIN};middle;spin$`,
    },
    {
      name: "assembly without unwind information, called directly and by a pointer",
      source: "bare.c",
      flags: [new URL("./programs/unwind/bare.s", import.meta.url).pathname],
      expected: `^${MAIN};((direct|indirect)(;bare)?|rounded(;rounding(;pushing)?)?)$`,
    },
  ]
) {
  testWith(["bpf", "clang", "gcc"], `stacks are whole and right: ${name}`, async () => {
    using program = await compileUnwind(source, { flags });
    await using running = await RunningProgram.start(program.path);
    assertChain(await watch(running.pid), new RegExp(expected));
  });
}

for (
  const { name, flags, library } of [
    { name: "a program of musl", flags: [], library: "libc\\.so\\+0x[0-9a-f]+" },
    { name: "the same, static", flags: ["-static"], library: "[a-z_0-9]+" },
  ]
) {
  testWith(["bpf", "clang", "musl-gcc"], `stacks are whole and right: ${name}`, async () => {
    using program = await compileUnwind("musl.c", { flags: ["musl-gcc", ...flags] });
    await using running = await RunningProgram.start(program.path);
    // What of musl is not exported has no name in a library.
    const inside = `(;(${library}|[a-z_]+))*`;
    assertChain(
      await watch(running.pid),
      new RegExp(
        `^_start;(${library});main(;sorting(;(__)?qsort(_r)?${inside}(;compare)?)?|;copying(;memcpy)?|;printing(;snprintf${inside})?)?$`,
      ),
    );
  });
}

for (
  const { code, flags } of [
    { code: "code with unwind information", flags: [] },
    { code: "code without", flags: ["-fno-asynchronous-unwind-tables", "-fno-exceptions"] },
  ]
) {
  testWith(
    ["bpf", "clang", "gcc"],
    `where a signal's handler returns to has its own name: ${code}`,
    async () => {
      using program = await compileUnwind("signal.c", { flags });
      await using running = await RunningProgram.start(program.path);
      // Without libc's symbols it is the address itself, where a function begins.
      assertChain(
        await watch(running.pid),
        new RegExp(
          `^${MAIN};interrupted;faults;(__restore_rt|libc\\.so\\.6\\+0x[0-9a-f]*0);handler;in_handler$`,
        ),
      );
    },
  );
}

testWith(
  ["bpf", "clang", "gcc"],
  "a function that ends by calling the kernel has its own name, not that behind it",
  async () => {
    using program = await compileUnwind("at_end.c");
    await using running = await RunningProgram.start(program.path);
    const watched = await watch(running.pid);
    assert(shareOf(watched, new RegExp(`^${MAIN};reads$`)) > 0.9, Deno.inspect(watched.stacks));
  },
);

testWith(
  ["bpf", "clang", "gcc"],
  "a stack of 400 frames has 253, and at its root a frame that says so",
  async () => {
    using program = await compileUnwind("deep.c");
    await using running = await RunningProgram.start(program.path, ["400"]);
    const watched = await watch(running.pid);
    for (const stack of watched.stacks.keys()) {
      // On its way down and up it is not so deep.
      assertMatch(
        stack,
        new RegExp(`^(\\[cut: depth_reached\\](?=(;\\w+){253}$)|${MAIN});recurse(;recurse)*(;leaf)?$`),
      );
    }
    const deep = watched.ends.get("depth_reached") ?? 0;
    const all = watched.ends.values().reduce((sum, n) => sum + n, 0);
    assert(deep > all * 0.8, Deno.inspect(watched.ends));
    assertAlmostEquals(shareOf(watched, /^\[cut: depth_reached/), deep / all, 0.05);
  },
);

testWith(
  ["bpf", "clang", "gcc"],
  "code of a JIT that has 0 where frame pointers are is not taken for the thread's entry",
  async () => {
    using program = await compileUnwind("zeroed.c");
    await using running = await RunningProgram.start(program.path);
    const { stacks, ends } = await watch(running.pid);
    for (const stack of stacks.keys()) {
      assertMatch(stack, new RegExp(`^\\[cut: no_rule\\];\\[jit\\];spin$|^${MAIN}(;\\[jit\\])?$`));
    }
    assert((ends.get("no_rule") ?? 0) > (ends.get("complete") ?? 0), Deno.inspect(ends));
  },
);

testWith(["bpf", "clang", "gcc"], "a stack of 200 frames is whole", async () => {
  using program = await compileUnwind("deep.c");
  await using running = await RunningProgram.start(program.path, ["200"]);
  // 201 calls when it is at the leaf, where it is nearly always.
  assertChain(
    await watch(running.pid),
    new RegExp(`^${MAIN}(;recurse){1,201}$|^${MAIN}(;recurse){201};leaf$`),
  );
});

const EVENTS = "/sys/kernel/tracing/uprobe_events";

testWith(
  ["bpf", "clang", "gcc", "nm"],
  "a function that a uretprobe of others is on has its callers",
  async () => {
    if (!existsSync(EVENTS)) run("mount", ["-t", "tracefs", "none", "/sys/kernel/tracing"]);
    using program = await compileUnwind("probed.c");
    const [address] = run("nm", [program.path]).split("\n").filter((line) => line.endsWith(" T probed"));
    const offset = parseInt(address!, 16);
    const event = `aperture_test_${Deno.pid}`;
    Deno.writeTextFileSync(EVENTS, `r:${event} ${program.path}:0x${offset.toString(16)}\n`, { append: true });
    const enable = `/sys/kernel/tracing/events/uprobes/${event}/enable`;
    try {
      Deno.writeTextFileSync(enable, "1");
      await using running = await RunningProgram.start(program.path);
      assertChain(await watch(running.pid), new RegExp(`^${MAIN};outer(;probed(;inner)?)?$`));
    } finally {
      Deno.writeTextFileSync(enable, "0");
      Deno.writeTextFileSync(EVENTS, `-:${event}\n`, { append: true });
    }
  },
);

function shareOf({ stacks, count }: Watched, pattern: RegExp): number {
  let matching = 0;
  for (const [stack, n] of stacks) if (pattern.test(stack)) matching += n;
  return matching / count;
}
