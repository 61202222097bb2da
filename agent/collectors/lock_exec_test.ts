// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import { build } from "../../tasks/build.ts";
import { compileProgram } from "../../tests/support/compiled.ts";
import { Contender } from "../../tests/support/contender.ts";
import { testWith } from "../../tests/support/needs.ts";
import { TempFolder } from "../../tests/support/programs.ts";
import { onlineCpus } from "./cpus.ts";
import { LockCollector } from "./lock.ts";
import { leastLockBytes, SMALLEST_LOCK_MAPS } from "./lock_map_size.ts";

testWith(
  ["bpf", "clang"],
  "LockCollector forgets the number that a thread had before it became another program",
  async () => {
    await build("bpf");
    using folder = new TempFolder();
    await using program = await Contender.start(await compileProgram("exec_threads", folder.path));
    const memoryBytes = leastLockBytes(onlineCpus().length);
    using collector = LockCollector.open({ pid: program.pid, memoryBytes });
    const { execs } = await program.contend<{ execs: number }>();
    assert(execs > 2 * SMALLEST_LOCK_MAPS.threads);
    assertEquals((await collector.drain()).losses.get("threads_map_full"), undefined);
  },
);
