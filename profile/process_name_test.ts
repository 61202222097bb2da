// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { processName } from "./process_name.ts";

Deno.test("processName() is that of the script or the program, not of a thread", () => {
  const of = (exe: string, comm: string, process = "") => processName({ exe, comm, process });
  assertEquals(of("/usr/lib/postgresql/15/bin/postgres", "checkpointer"), "postgres");
  assertEquals(of("/usr/bin/python3.13", "python3", "worker.py"), "worker.py");
  assertEquals(of("/tmp/tool (deleted)", "worker"), "tool");
  assertEquals(of("", "kworker/0:1"), "[kworker/0:1]");
  assertEquals(of("", ""), "");
});
