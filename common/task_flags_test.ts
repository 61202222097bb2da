// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertThrows } from "@std/assert";
import { flagsOf } from "./task_flags.ts";

Deno.test("flagsOf() gives what stands between deno run and the script", () => {
  assertEquals(flagsOf("deno run --quiet --allow-env=A_*,B tasks/build.ts bpf --flag"), [
    "--quiet",
    "--allow-env=A_*,B",
  ]);
  assertEquals(flagsOf(`deno run --allow-run="clang,$(deno eval -p 'Deno.execPath()')" --frozen a.ts`), [
    `--allow-run=clang,${Deno.execPath()}`,
    "--frozen",
  ]);
  assertThrows(() => flagsOf("deno fmt --check && deno lint"), Error, "Cannot read the task");
});
