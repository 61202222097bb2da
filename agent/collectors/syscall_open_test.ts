// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import { delay } from "@std/async/delay";
import { build } from "../../tasks/build.ts";
import { testWith } from "../../tests/support/needs.ts";
import { until } from "../../tests/support/until.ts";
import type { RawSyscall, Window } from "./collector.ts";
import { SyscallCollector } from "./syscall.ts";
import { openNs } from "./syscall_open.ts";

Deno.test("openNs() gives a window no more of a call than is in it", () => {
  const window = { startNs: 100n, endNs: 300n };
  const call = { pid: 1, comm: "", call: 0, interruptedNs: 0n };
  assertEquals(openNs({ ...call, beganNs: 10n }, window), 200);
  assertEquals(openNs({ ...call, beganNs: 250n }, window), 50);
  // A signal ended it, and the kernel may yet go on with it.
  assertEquals(openNs({ ...call, beganNs: 250n, interruptedNs: 260n }, window), 10);
  assertEquals(openNs({ ...call, beganNs: 10n, interruptedNs: 60n }, window), 0);
});

/** The number of the call. */
const READ = Deno.build.arch === "aarch64" ? 63 : 0;

for (const taskStorage of [true, false]) {
  testWith(
    ["bpf"],
    `SyscallCollector shows a call that hangs, ${taskStorage ? "with" : "without"} task storage`,
    async () => {
      await build("bpf");
      // It reads from a pipe that nobody writes to.
      const child = new Deno.Command("cat", { stdin: "piped", stdout: "null" }).spawn();
      await using cleanup = new AsyncDisposableStack();
      cleanup.defer(async () => {
        await child.stdin.close().catch(() => {});
        await child.status;
      });
      const writer = child.stdin.getWriter();
      const before = await until(() => waitsForMore(child.pid));
      using collector = SyscallCollector.open({ pid: child.pid, taskStorage });
      // The read that it is in was there before; the next one is seen from its begin.
      const begun = performance.now();
      await writer.write(new Uint8Array(1));
      writer.releaseLock();
      await until(() => waitsForMore(child.pid, before));
      const windows: { rows: RawSyscall[]; window: Window; ms: number }[] = [];
      for (let i = 0; i < 3; i++) {
        const windowBegun = i === 0 ? begun : windowEnd(windows);
        await delay(150);
        const drained = performance.now();
        const window = await collector.drain();
        const rows = [...window.syscalls!].filter(({ call, open }) => call.startsWith("read") && open > 0);
        windows.push({ rows, window, ms: drained });
        assertEquals(rows.map(({ call, open, count }) => [call, open, count]), [["read(pipe)", 1, 0]]);
        const { oldestNs, totalNs } = rows[0]!;
        assert(
          totalNs <= (performance.now() - windowBegun) * 1e6,
          `${totalNs} ns of ${drained - windowBegun} ms`,
        );
        assert(totalNs > 100e6 && (i === 0 ? totalNs === oldestNs : totalNs < oldestNs), `${totalNs}`);
        // It is in the graph, too, without a count.
        const sample = window.samples.find(({ call, count }) => call === "read(pipe)" && count === 0);
        assertEquals(sample?.value, totalNs);
      }
      await child.stdin.close();
      await child.status;
      const last = [...(await collector.drain()).syscalls!].filter(({ call }) => call === "read(pipe)");
      assertEquals(last.map(({ open, count }) => [open, count]), [[0, 1]]);
      const { maxNs, minNs, totalNs, histogram } = last[0]!;
      assertEquals([minNs, histogram[Math.floor(Math.log2(maxNs))]], [maxNs, 1]);
      // All windows together have the whole of it, and no part twice.
      assertEquals(windows.reduce((sum, { rows }) => sum + rows[0]!.totalNs, totalNs), maxNs);
    },
  );
}

/**
 * Returns how much a process has read in all, in bytes, once that is more than `before` and it stands in a read of its
 * standard input.
 */
function waitsForMore(pid: number, before = -1): number | undefined {
  const read = Number(/^rchar: (\d+)/.exec(Deno.readTextFileSync(`/proc/${pid}/io`))![1]);
  const stands = Deno.readTextFileSync(`/proc/${pid}/syscall`).startsWith(`${READ} 0x0 `);
  return stands && read > before ? read : undefined;
}

/** Returns when the last of the windows was drained, in ms. */
function windowEnd(windows: readonly { readonly ms: number }[]): number {
  return windows.at(-1)!.ms;
}
