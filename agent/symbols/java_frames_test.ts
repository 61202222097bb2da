// SPDX-License-Identifier: Apache-2.0
import { assert, assertGreater } from "@std/assert";
import { testWith } from "../../tests/support/needs.ts";
import { run, TempFolder } from "../../tests/support/programs.ts";
import { countOf, passes, sampleProgram } from "../../tests/support/sampled_stacks.ts";

const SOURCE = new URL("../../tests/programs/Spin.java", import.meta.url).pathname;

testWith(
  ["bpf", "clang", "jdk"],
  "Java's methods are named in whole stacks, compiled, interpreted and native ones",
  async () => {
    using folder = new TempFolder();
    run("javac", ["-d", folder.path, SOURCE]);
    // Inlined methods have no frame, and without frame pointers a compiled method's caller is not found.
    const options = [
      "-XX:+PreserveFramePointer",
      "-XX:-Inline",
      "-XX:-UseOnStackReplacement",
      "-cp",
      folder.path,
    ];
    await using leftover = new AsyncDisposableStack();
    const dump = async (pid: number) => {
      leftover.defer(() => Deno.remove(`/tmp/perf-${pid}.map`));
      const { success } = await new Deno.Command("jcmd", {
        args: [`${pid}`, "Compiler.perfmap"],
        stdout: "null",
      })
        .output();
      assert(success);
    };
    const stacks = await sampleProgram("java", [...options, "Spin"], { warm: ({ pid }) => dump(pid) });
    const spinning = stacks.filter(({ frames }) =>
      frames.some(({ function: name }) => name === "Spin.leaf(long)")
    );
    assertGreater(countOf(spinning) / countOf(stacks), 0.9);
    for (
      const [caller, rest] of [["Spin$Inner.run(long)"], [
        "Spin$$Lambda.run(long)",
        "Spin.lambda$pump$0(long)",
      ]]
    ) {
      const compiled = ["Spin.leaf(long)", "Spin.middle(long)", ...rest === undefined ? [] : [rest], caller!];
      const native = ["JavaMain", "start_thread"];
      const chained = spinning.filter((stack) => passes(stack, [...compiled, "Interpreter", ...native]));
      assertGreater(countOf(chained) / countOf(spinning), 0.3, caller);
      const whole = chained.filter(({ frames }) => /^(__)?clone3?$/.test(frames.at(-1)!.function));
      assertGreater(countOf(whole) / countOf(chained), 0.95, caller);
    }
  },
);
