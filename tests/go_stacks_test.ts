// SPDX-License-Identifier: Apache-2.0
/**
 * Stacks of Go's runtime where that has left the goroutine's stack, or put a call where none was.
 *
 * @module
 */

import { assert } from "@std/assert";
import { RunningProgram } from "./support/programs.ts";
import { testWith } from "./support/needs.ts";
import { compileUnwind } from "./support/unwind_programs.ts";
import { assertWhole, watch } from "./support/user_stacks.ts";

testWith(
  ["bpf", "clang", "go"],
  "Go's clock, scheduler and signals are crossed to the goroutine, and a fault is in the function that made it",
  async () => {
    using program = await compileUnwind("runtime.go");
    await using running = await RunningProgram.start(program.path);
    const expected = [
      { inside: /time\.now/, caller: /main\.clocks;time\.Now/, least: 0.9 },
      // What it looks for afterwards is nobody's.
      {
        inside: /gosched_m(?!.*runtime\.schedule)/,
        caller: /main\.yields;runtime\.Gosched;runtime\.mcall/,
        least: 0.8,
      },
      { inside: /syscall\.Kill.*runtime\.sigreturn/, caller: /main\.signals;syscall\.Kill/, least: 0.9 },
      { inside: /runtime\.sigpanic/, caller: /main\.faults;main\.load;runtime\.sigpanic/, least: 0.9 },
    ];
    const wanted = expected.map(({ inside }) => ({ stack: inside, samples: 10 }));
    const watched = await watch(running.pid, { atLeastMs: 3000, wanted });
    assertWhole(watched);
    for (const { inside, caller, least } of expected) {
      let [right, all] = [0, 0];
      for (const [stack, count] of watched.stacks) {
        if (!inside.test(stack)) continue;
        all += count;
        if (caller.test(stack)) right += count;
      }
      assert(
        all >= 10 && right >= all * least,
        `${right} of ${all} have ${caller}: ${
          Deno.inspect([...watched.stacks].filter(([s]) => inside.test(s)), { strAbbreviateSize: 4000 })
        }`,
      );
    }
  },
);

for (
  const { name, flags } of [
    { name: "as it is built", flags: [] },
    // Another linker than Go's puts the line table among other data.
    { name: "stripped and position-independent", flags: ["-ldflags=-s -w", "-buildmode=pie"] },
  ]
) {
  testWith(
    ["bpf", "clang", "gcc", "go"],
    `C code and what it calls back are crossed in a Go program ${name}`,
    async () => {
      using program = await compileUnwind("callback.go", { flags });
      await using running = await RunningProgram.start(program.path);
      const goroutine =
        "^runtime\\.goexit(\\.abi0)?;main\\.main\\.func1;main\\.calls;main\\._Cfunc_calls_back;runtime\\.cgocall;";
      const expected = [
        {
          leaf: /main\.spin$/,
          whole: new RegExp(
            `${goroutine}.*runtime\\.cgocallback;.*main\\.calledBack;main\\.inner;main\\.spin$`,
          ),
        },
        { leaf: /runtime\.asmcgocall;/, whole: new RegExp(`${goroutine}runtime\\.asmcgocall;`) },
      ];
      const watched = await watch(running.pid, { wanted: [{ stack: /main\.spin$/, samples: 50 }] });
      assertWhole(watched);
      for (const { leaf, whole } of expected) {
        const found = [...watched.stacks].filter(([stack]) => leaf.test(stack));
        const all = found.reduce((sum, [, count]) => sum + count, 0);
        const right = found.reduce((sum, [stack, count]) => sum + (whole.test(stack) ? count : 0), 0);
        assert(
          all >= 10 && right >= all * 0.98,
          `${right} of ${all} have ${whole}: ${Deno.inspect(found, { strAbbreviateSize: 4000 })}`,
        );
      }
    },
  );
}
