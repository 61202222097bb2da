// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertGreater } from "@std/assert";
import { testWith } from "../../tests/support/needs.ts";
import { countOf, passes, sampleProgram } from "../../tests/support/sampled_stacks.ts";
import { JIT_MODULE, KERNEL_MODULE } from "../../profile/model.ts";

const SCRIPT = new URL("../../tests/programs/script.js", import.meta.url).pathname;
/** Is the line that spin() begins on. */
const SPIN =
  Deno.readTextFileSync(SCRIPT).split("\n").findIndex((text) => text.startsWith("function spin(")) + 1;

// Inlining is off, for an inlined function has no frame.
for (
  const { name, program, args } of [
    { name: "Node", program: "node", args: ["--perf-basic-prof", "--no-turbo-inlining"] },
    {
      name: "Deno",
      program: "deno",
      args: ["run", "-A", "--v8-flags=--perf-basic-prof,--no-turbo-inlining,--no-maglev-inlining"],
    },
  ]
) {
  testWith(
    ["bpf", "clang", program],
    `${name}'s functions are named in one stack with the kernel's`,
    async () => {
      const folder = await Deno.makeTempDir();
      const script = `${folder}/script.cjs`;
      await Deno.copyFile(SCRIPT, script);
      try {
        const stacks = await sampleProgram(program, [...args, script]);
        const ours = stacks.filter(({ frames }) =>
          frames.some(({ function: name, module }) => name === "pump" && module.endsWith(script))
        );
        assertGreater(countOf(ours) / countOf(stacks), 0.9);
        const spinning = ours.filter((stack) => stack.frames[0]!.function === "spin");
        assertGreater(countOf(spinning), 50);
        for (const { frames } of spinning) {
          const { file, line } = frames[0]!;
          assert(file.endsWith(script) && line === SPIN, `spin is at ${file}:${line}`);
        }
        const chained = spinning.filter((stack) => passes(stack, ["spin", "run", "pump"]));
        assertGreater(countOf(chained) / countOf(spinning), 0.95);
        const reading = ours.filter(({ frames }) => frames[0]!.module === KERNEL_MODULE);
        assertGreater(countOf(reading), 50);
        const read = reading.filter((stack) =>
          passes(stack, ["vfs_read", "readSync", "readZeros", "run", "pump"])
        );
        assertGreater(countOf(read) / countOf(reading), 0.5);
        const whole = ours.filter(({ frames }) =>
          ["_start", "deno"].includes(frames.at(-1)!.function) ||
          /^deno\+0x/.test(frames.at(-1)!.function)
        );
        assertGreater(countOf(whole) / countOf(ours), 0.9);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  );
}

testWith(["bpf", "clang", "node"], "JIT code without a map is [jit]", async () => {
  const stacks = await sampleProgram("node", [SCRIPT]);
  const jit = stacks.filter(({ frames }) => frames.some(({ module }) => module === JIT_MODULE));
  assertGreater(countOf(jit) / countOf(stacks), 0.9);
  // Whatever their addresses, they are one function.
  const names = jit.flatMap(({ frames }) => frames.filter(({ module }) => module === JIT_MODULE));
  assertEquals(new Set(names.map((frame) => `${frame.function} ${frame.address}`)), new Set(["[jit: V8] 0"]));
  assertEquals(stacks.some(({ frames }) => frames.some(({ module }) => module.endsWith("script.js"))), false);
});

testWith(["bpf", "clang", "node"], "node's own code on large pages has the names of its file", async () => {
  const stacks = await sampleProgram("node", [
    "--use-largepages=on",
    "--interpreted-frames-native-stack",
    SCRIPT,
  ]);
  const own = stacks.filter(({ frames }) =>
    frames.some(({ function: name }) => name.startsWith("node::Start("))
  );
  assertGreater(countOf(own) / countOf(stacks), 0.9);
  const whole = stacks.filter(({ frames }) =>
    ["_start", "clone3", "clone"].includes(frames.at(-1)!.function)
  );
  assertGreater(countOf(whole) / countOf(stacks), 0.9);
});
