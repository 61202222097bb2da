// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { processName } from "./process_name.ts";

Deno.test("processName() is that of the program, not of a thread", () => {
  assertEquals(processName({ exe: "/usr/lib/postgresql/15/bin/postgres", comm: "checkpointer" }), "postgres");
  assertEquals(processName({ exe: "/tmp/tool (deleted)", comm: "worker" }), "tool");
  assertEquals(processName({ exe: "", comm: "kworker/0:1" }), "[kworker/0:1]");
  assertEquals(processName({ exe: "", comm: "" }), "");
});
