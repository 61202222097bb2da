// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { demoFrame } from "../../tests/support/profiles.ts";
import { testWith } from "../../tests/support/needs.ts";
import type { Frame } from "../model.ts";
import { addressHistogram } from "./address_histogram.ts";
import type { CountedStack } from "./call_sites.ts";
import { llvmProfile } from "./llvm_profile.ts";

const frame = (name: string, line: number, more: Partial<Frame> = {}) =>
  demoFrame(name, { line, startLine: 10, address: line, ...more });
const KERNEL = demoFrame("ksys_read", { module: "[kernel]", line: 0 });

Deno.test("llvmProfile() has lines from the function's first, calls, and what is inlined within", () => {
  const stacks: CountedStack[] = [
    { frames: [frame("hot", 12), frame("main", 15)], count: 7 },
    { frames: [frame("tiny", 11, { inlined: true }), frame("hot", 13), frame("main", 15)], count: 3 },
    { frames: [KERNEL, frame("hot", 14), frame("main", 15)], count: 2 },
    { frames: [frame("main", 15)], count: 1 },
    { frames: [frame("a::b(int)", 12)], count: 5 },
    { frames: [demoFrame("bare", { line: 0 })], count: 4 },
  ];
  assertEquals(llvmProfile(stacks), {
    text: `hot:10:12\n 2: 7\n 4: 0\n 3: tiny:3\n  1: 3\nmain:1:0\n 5: 1 hot:12\n`,
    used: 11,
    total: 22,
  });
});

Deno.test("addressHistogram() has the addresses of one file, and how many samples go through it", () => {
  const other = demoFrame("memcpy", { buildId: "cd", address: 99 });
  const stacks = [
    { frames: [frame("hot", 18), frame("main", 15)], count: 7 },
    { frames: [frame("hot", 18)], count: 2 },
    { frames: [frame("hot", 17)], count: 1 },
    { frames: [other, frame("main", 15)], count: 4 },
    { frames: [other], count: 8 },
  ];
  assertEquals(addressHistogram(stacks, "ab12"), { text: "0\n2\n11:1\n12:9\n0\n", used: 10, total: 14 });
});

Deno.test("llvmProfile() of any stacks is lines of its format, and uses no sample twice", () => {
  const any = fc.record({
    function: fc.constantFrom("main", "hot", "a b", "x:y", ""),
    line: fc.nat(100_000),
    startLine: fc.nat(20),
    inlined: fc.boolean(),
    module: fc.constantFrom("/bin/demo", "[kernel]"),
  }).map((more) => demoFrame(more.function, more));
  const stacks = fc.array(
    fc.record({ frames: fc.array(any, { maxLength: 6 }), count: fc.integer({ min: 1, max: 9 }) }),
  );
  fc.assert(fc.property(stacks, (stacks) => {
    const { text, used, total } = llvmProfile(stacks);
    assert(used <= total);
    let sum = 0;
    for (const line of text.split("\n").slice(0, -1)) {
      assert(/^(\w+:\d+:\d+| +\d+: \d+( \w+:\d+)*| +\d+: \w+:\d+)$/.test(line), line);
      sum += Number(/^ +\d+: (\d+)/.exec(line)?.[1] ?? 0);
    }
    assertEquals(sum, used);
  }));
});

const SOURCE = `#include <stdio.h>
__attribute__((noinline)) long cold(long x) {
  return x * 3;
}
__attribute__((noinline)) long hot(long x) {
  if (x % 1000 == 999)
    return cold(x);
  return x + 1;
}
int main(void) {
  long sum = 0;
  for (long i = 0; i < 1000; i++)
    sum += hot(i);
  printf("%ld\\n", sum);
}
`;

testWith(["clang"], "clang takes llvmProfile()'s text, and weighs branches by it", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const place = (name: string, startLine: number, line: number) =>
      demoFrame(name, { startLine, line, file: "demo.c" });
    const main = place("main", 10, 13);
    const { text } = llvmProfile([
      { frames: [place("hot", 5, 6), main], count: 500 },
      { frames: [place("hot", 5, 8), main], count: 900 },
      { frames: [place("cold", 2, 3), place("hot", 5, 7), main], count: 3 },
      { frames: [main], count: 400 },
    ]);
    await Deno.writeTextFile(`${folder}/demo.c`, SOURCE);
    await Deno.writeTextFile(`${folder}/demo.prof`, text);
    const { success, stderr, stdout } = await new Deno.Command("clang", {
      args: [
        ...["-O2", "-g", "-fdebug-info-for-profiling", "-fprofile-sample-use=demo.prof"],
        ...["-Rpass=sample-profile", "-mllvm", "-sample-profile-check-record-coverage=75"],
        ...["-S", "-emit-llvm", "-o", "-", "demo.c"],
      ],
      cwd: folder,
    }).output();
    const [said, code] = [stderr, stdout].map((bytes) => new TextDecoder().decode(bytes)) as [string, string];
    assert(success, said);
    assert(!/unused|[0-9]+% of the profile records were not/i.test(said), said);
    // What was seen is in the function's own entry, and the rare way is known to be rare.
    assertStringIncludes(code, `"function_entry_count"`);
    const weights = /= !\{!"branch_weights", i32 (\d+), i32 (\d+)\}/.exec(code);
    assert(weights && Math.max(Number(weights[1]), Number(weights[2])) > 100, code.slice(-2000));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
