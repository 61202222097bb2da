/**
 * Runs in a guest: walks the stacks of `/bin/chain` and writes, as JSON, which there were and how walks ended; and
 * whether the functions of a module of the kernel are named.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import { CpuCollector } from "../../agent/collectors/cpu.ts";
import { LockCollector } from "../../agent/collectors/lock.ts";
import { SyscallCollector } from "../../agent/collectors/syscall.ts";
import { Unwinder } from "../../agent/unwind/unwinder.ts";
import { nameModule } from "./kernel_module.ts";

/** How many are asked for. */
const SAMPLES = 60;

await using unwinder = Unwinder.open({ memoryBytes: 8 << 20 });
const child = new Deno.Command("/bin/chain", { stdout: "null", stderr: "null" }).spawn();
// That they load and attach here, with the walk in them, is what is asked of these.
using locks = LockCollector.open({ unwinder });
using syscalls = SyscallCollector.open({ unwinder, includeSelf: true });
using collector = CpuCollector.open({ unwinder, freq: 99, pid: child.pid });
// An emulated machine is slow: what is missed at first is loaded within some seconds.
for (let quiet = 0; quiet < 2;) {
  await delay(500);
  const { stacks } = collector.drain();
  if (stacks?.size) quiet = stacks.has("no_process") || stacks.has("no_page") ? 0 : quiet + 1;
}
const user: { user: readonly number[]; count: number }[] = [];
const ends = new Map<string, number>();
const lost = new Map<string, number>();
while (user.reduce((sum, { count }) => sum + count, 0) < SAMPLES) {
  await delay(500);
  const { samples, stacks, losses } = collector.drain();
  for (const { user: addresses, count } of samples) user.push({ user: addresses, count });
  for (const [end, count] of stacks!) ends.set(end, (ends.get(end) ?? 0) + count);
  for (const [loss, count] of losses) lost.set(loss, (lost.get(loss) ?? 0) + count);
}
const calls = (syscalls.drain().syscalls ?? []).length;
locks.drain();
const text = JSON.stringify({
  calls,
  module: await nameModule("dummy"),
  release: Deno.osRelease(),
  user,
  stacks: [...ends],
  losses: [...lost],
});
await Deno.stdout.write(new TextEncoder().encode(`${text}\n`));
child.kill("SIGKILL");
await child.status;
