// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertGreater } from "@std/assert";
import { testWith } from "../../tests/support/needs.ts";
import { run, TempFolder } from "../../tests/support/programs.ts";
import { countOf, passes, sampleProgram } from "../../tests/support/sampled_stacks.ts";

const SOURCE = new URL("../../tests/programs/bpf_filter.c", import.meta.url).pathname;

testWith(
  ["bpf", "clang", "gcc"],
  "A BPF program is named by its tag and name in the kernel's stack",
  async () => {
    using folder = new TempFolder();
    const program = `${folder.path}/bpf_filter`;
    run("gcc", ["-O1", "-o", program, SOURCE]);
    let tag = "";
    const stacks = await sampleProgram(program, [], {
      samples: 300,
      warm: ({ firstLine }) => Promise.resolve(void (tag = firstLine)),
    });
    const name = `bpf_prog_${tag}_count_down`;
    const inside = stacks.filter(({ frames }) => frames.some(({ function: text }) => text === name));
    assertGreater(countOf(inside) / countOf(stacks), 0.8, JSON.stringify(stacks[0]));
    for (const { frames } of inside) {
      assertEquals(frames.find(({ function: text }) => text === name)!.module, "[bpf]");
    }
    // It is run by a system call, whose functions are the kernel's own.
    const called = inside.filter((stack) => passes(stack, [name, "bpf_test_run", "__sys_bpf"]));
    assertGreater(countOf(called) / countOf(inside), 0.9);
    assert(called.every(({ frames }) => frames.some(({ function: text }) => text === "main")));
  },
);
