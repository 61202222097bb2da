// SPDX-License-Identifier: Apache-2.0
/**
 * Processes that come and go by the hundreds a second, whose calls fill the kernel's maps.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { getPriority, setPriority } from "node:os";
import { record, type Recording, Summary } from "../agent/agent.ts";
import { SyscallCollector } from "../agent/collectors/syscall.ts";
import { raisePriority } from "../agent/priority.ts";
import { Symboliser } from "../agent/symbols/symboliser.ts";
import { splitLosses } from "../profile/losses.ts";
import { seriesAt } from "../profile/model.ts";
import { syscallAt } from "../profile/syscalls.ts";
import { build } from "../tasks/build.ts";
import { compileProgram } from "./support/compiled.ts";
import { testWith } from "./support/needs.ts";
import { TempFolder } from "./support/programs.ts";

/** Records windows as long as `tests/programs/churn.c` runs with `args`. */
async function recordChurn(args: readonly number[], windowMs: number): Promise<Recording[]> {
  await build("bpf");
  using folder = new TempFolder();
  const program = await compileProgram("churn", folder.path);
  using collector = SyscallCollector.open({ memoryBytes: 32 * 2 ** 20 });
  await using symboliser = Symboliser.open({ coldMs: 60_000 });
  const stop = new AbortController();
  const recordings = Array.fromAsync(
    record({ collectors: [collector], symboliser, windowMs, signal: stop.signal }),
  );
  const child = new Deno.Command(program, { args: args.map(String) }).spawn();
  // As an agent does, whose maps fill while it waits for its turn; the program has the priority of others.
  using _priority = raised();
  const { success } = await child.status;
  stop.abort();
  assert(success);
  return await recordings;
}

/** Raises the priority of this thread until it is disposed of. */
function raised(): Disposable {
  const before = getPriority();
  raisePriority({ session: false });
  return { [Symbol.dispose]: () => setPriority(before) };
}

/** Returns, by call, how many the processes made together; and in how many series they are. */
function callsOf(recordings: readonly Recording[]): { calls: Map<string, number>; series: number } {
  const calls = new Map<string, number>();
  let series = 0;
  for (const { profile } of recordings) {
    const seen = new Set<number>();
    for (let row = 0; row < profile.syscalls.call.length; row++) {
      const { series, call, count } = syscallAt(profile, row);
      if (seriesAt(profile, series).comm !== "churned") continue;
      seen.add(series);
      calls.set(call, (calls.get(call) ?? 0) + count);
    }
    series += seen.size;
  }
  return { calls, series };
}

function lostOf(recordings: readonly Recording[]): Map<string, number> {
  const summary = new Summary();
  for (const recording of recordings) summary.add(recording);
  return new Map(splitLosses(summary.notes("syscall").losses).lost);
}

testWith(
  ["bpf", "clang"],
  "record() loses none of 50,000 different (process, call) pairs in a window",
  async () => {
    const recordings = await recordChurn([1000, 50, 2500], 60_000);
    const { calls, series } = callsOf(recordings);
    assertEquals(lostOf(recordings), new Map());
    calls.delete("prctl");
    assertEquals([calls.size, new Set(calls.values())], [51, new Set([1000])]);
    // The one that ended last may still be there as a zombie.
    assert(series <= 2, `${series} series`);
  },
);

testWith(["bpf", "clang"], "record() loses nothing of 1,000 processes a second", async () => {
  const processes = 3000;
  const recordings = await recordChurn([processes, 20, 1000], 2000);
  const { calls, series } = callsOf(recordings);
  assertEquals(lostOf(recordings), new Map());
  for (const call of ["read", "exit_group", "sendmsg"]) assertEquals(calls.get(call), processes);
  // A few are alive when a window ends, and those are told from others.
  assert(series <= 4 * recordings.length, `${series} series in ${recordings.length} windows`);
});
