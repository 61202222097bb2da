// SPDX-License-Identifier: Apache-2.0
/**
 * A process that becomes another program in the middle of a window: what it did before is the first one's.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { RawStack } from "../agent/collectors/collector.ts";
import { CpuCollector } from "../agent/collectors/cpu.ts";
import { SyscallCollector } from "../agent/collectors/syscall.ts";
import { Symboliser } from "../agent/symbols/symboliser.ts";
import { Unwinder } from "../agent/unwind/unwinder.ts";
import { build } from "../tasks/build.ts";
import { testWith } from "./support/needs.ts";
import { RunningProgram, TempFolder } from "./support/programs.ts";
import { compileUnwind } from "./support/unwind_programs.ts";
import { until } from "./support/until.ts";
import { settled } from "./support/user_stacks.ts";

testWith(
  ["bpf", "clang", "gcc"],
  "samples and calls from before an exec are the first program's, also where both have one name",
  async () => {
    await build("bpf");
    using folder = new TempFolder();
    const paths: string[] = [];
    for (const [work, call] of [["work_before", "getppid"], ["work_after", "getuid"]]) {
      using program = await compileUnwind("exec.c", { flags: [`-DWORK=${work}`, `-DCALL=${call}`] });
      const path = `${folder.path}/${work}/program`;
      folder.write(`${work}/program`, Deno.readFileSync(program.path));
      Deno.chmodSync(path, 0o755);
      paths.push(path);
    }
    const [before, after] = paths;
    await using running = await RunningProgram.start(before!, [after!]);
    const { pid } = running;
    await using unwinder = Unwinder.open();
    using cpu = CpuCollector.open({ unwinder, freq: 997, pid });
    using calls = SyscallCollector.open({ unwinder, pid, sampleEvery: 1 });
    await using symboliser = Symboliser.open({ unwinder });
    await settled(cpu, unwinder);
    await Promise.all([cpu.drain(), calls.drain()]);
    // The window: some of one program, then some of the other.
    await worked(pid);
    Deno.kill(pid, "SIGUSR1");
    await until(() => Deno.readLinkSync(`/proc/${pid}/exe`) === after);
    await worked(pid);
    const windows = await Promise.all([cpu.drain(), calls.drain()]);
    const exeOf = ({ pid, program }: Pick<RawStack, "pid" | "program">) =>
      symboliser.process(pid, program)?.exe;
    const exes = { work_before: new Map<unknown, number>(), work_after: new Map<unknown, number>() };
    for (const sample of windows.flatMap(({ samples }) => samples)) {
      const functions = symboliser.stack(sample).map((frame) => frame.function);
      for (const [work, seen] of Object.entries(exes)) {
        if (!functions.includes(work)) continue;
        seen.set(exeOf(sample), (seen.get(exeOf(sample)) ?? 0) + sample.count);
      }
    }
    assertEquals([...exes.work_before.keys()], [before]);
    assertEquals([...exes.work_after.keys()], [after]);
    const rows = [...windows[1]!.syscalls!];
    const callers = (call: string) => rows.filter((row) => row.call === call).map(exeOf);
    assertEquals(callers("getppid"), [before]);
    assertEquals(callers("getuid"), [after]);
    const [first, second] = [before, after].map((exe) =>
      Object.values(exes).reduce((sum, seen) => sum + (seen.get(exe) ?? 0), 0)
    );
    assert(first! > 20 && second! > 20, Deno.inspect(exes));
  },
);

/** Waits until the process has used so many more clock ticks of a CPU. */
async function worked(pid: number, ticks = 30): Promise<void> {
  const used = () => Number(Deno.readTextFileSync(`/proc/${pid}/stat`).replace(/^.*\) /, "").split(" ")[11]);
  const begin = used();
  await until(() => used() - begin >= ticks);
}
