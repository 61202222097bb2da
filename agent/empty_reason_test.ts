// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { emptyReason } from "./empty_reason.ts";

Deno.test("emptyReason() says what was not done, and what to try", () => {
  assertEquals(
    emptyReason({ kinds: ["cpu"], pid: 7, runs: () => true }),
    "Nothing was recorded: process 7 did not run on a CPU when one was sampled. It sleeps, maybe; try --mode " +
      "lock,syscall; a longer --duration, or a higher --freq",
  );
  assertEquals(
    emptyReason({ kinds: ["lock"] }),
    "Nothing was recorded: no process did wait for a lock. Try --mode cpu,syscall; a longer --duration",
  );
  assertEquals(
    emptyReason({ kinds: ["cpu"], command: true }),
    "Nothing was recorded: the command did not run on a CPU when one was sampled. Try --mode lock,syscall; a " +
      "longer --duration, or a higher --freq",
  );
});

Deno.test("emptyReason() says that a process has ended", () => {
  assertEquals(
    emptyReason({ kinds: ["cpu", "lock"], pid: 4_194_303 }),
    "Nothing was recorded: process 4194303 has ended. Start it by the agent: deno task agent -- COMMAND",
  );
});
