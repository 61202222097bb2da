// SPDX-License-Identifier: Apache-2.0
/**
 * Starts what watches the machine with the permissions that deno.json gives it.
 */

import { assert, assertStringIncludes } from "@std/assert";
import { testWith } from "./support/needs.ts";
import { TempFolder } from "./support/programs.ts";
import { assertWorks, runScript } from "./support/task_runs.ts";

testWith(["bpf"], "the agent profiles with the permissions of its task", async () => {
  using folder = new TempFolder();
  const output = `${folder.path}/profile.folded`;
  // A machine where nothing runs has no samples, which is another exit status.
  const busy = ["sh", "-c", "i=0; while [ $i -lt 500000 ]; do i=$((i+1)); done"];
  assertWorks(
    await runScript("agent", ["agent/main.ts", "--freq=997", `--output=${output}`, "--", ...busy]),
  );
  assert((await Deno.stat(output)).size > 0);
});

testWith(["bpf", "chdb", "cc"], "the demo runs with the permissions of its task", async () => {
  const run = await runScript("demo", ["demo/main.ts", "--duration=3s", "--exit"]);
  assertWorks(run);
  assertStringIncludes(run.stdout, "The page: ");
});
