// SPDX-License-Identifier: Apache-2.0
/**
 * Part of a guest: watches waits for locks of user space, in `/bin/locks` and `/bin/lock_holders`, and of the kernel, in
 * `/bin/kernel_locks`.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import type { RawLock } from "../../agent/collectors/collector.ts";
import { LockCollector } from "../../agent/collectors/lock.ts";
import type { Unwinder } from "../../agent/unwind/unwinder.ts";
import { Contender } from "../support/contender.ts";
import { MEMORY_BYTES } from "./memory.ts";

/** An emulated machine may stop a thread between what it does and the clock that it reads then, so one run may be off. */
const RUNS = 3;
/** Locks of the kernel are waited for this many times. */
const TRIES = 20;

/**
 * Returns the waits for a mutex and what the program measured of them; how often the kernel's own locks were waited
 * for.
 */
export async function watchLocks(unwinder: Unwinder) {
  using collector = LockCollector.open({ unwinder, memoryBytes: MEMORY_BYTES });
  const { watchesKernel } = collector;
  let mutex = await watchMutex(collector);
  for (let run = 1; run < RUNS && waitedIn(mutex) > mutex.measured.delayNs; run++) {
    mutex = await watchMutex(collector);
  }
  const holders = [];
  for (let run = 0; run < RUNS; run++) holders.push(await watchHolders(collector));
  const child = new Deno.Command("/bin/kernel_locks").spawn();
  let kernel = 0;
  for (let i = 0; i < TRIES && kernel === 0; i++) {
    await delay(250);
    for (const { type, count } of rowsOf((await collector.drain()).locks!, child.pid)) {
      kernel += type === "futex" ? 0 : count;
    }
    if (!watchesKernel) break;
  }
  child.kill("SIGKILL");
  await child.status;
  return { ...mutex, holders, watchesKernel, kernel };
}

/** Holds what `lock_holders` says of its waits. */
interface Accounts {
  readonly delayNs: number;
  readonly holders: Readonly<Record<string, { readonly delayNs: number }>>;
}

/**
 * Returns what the program says of its waits, and how much of them is whose by the collector, in ns by the thread's
 * name.
 */
async function watchHolders(collector: LockCollector) {
  await using program = await Contender.start("/bin/lock_holders", ["mutex", "3"]);
  let done = false;
  const contended = program.contend<Accounts>().finally(() => done = true);
  const windows = [];
  // Many windows, so that waits are open at the end of some.
  while (!done) {
    await delay(150);
    windows.push(await collector.drain());
  }
  const measured = await contended;
  windows.push(await collector.drain());
  const rows = rowsOf(windows.flatMap(({ locks }) => locks!), program.pid)
    .filter(({ type, waiter }) => type === "futex" && ["flusher", "adder"].includes(waiter.comm));
  const delays: Record<string, number> = {};
  for (const { holder, delayNs } of rows) {
    const name = holder?.comm ?? "nobody";
    delays[name] = (delays[name] ?? 0) + delayNs;
  }
  const open = rows.filter(({ outcome }) => outcome === "open").reduce((sum, { count }) => sum + count, 0);
  return { measured, delays, open };
}

async function watchMutex(collector: LockCollector) {
  await using program = await Contender.start("/bin/locks", ["mutex"]);
  const measured = await program.contend();
  const { locks, losses } = await collector.drain();
  const rows = rowsOf(locks!, program.pid).filter(({ type }) => type === "futex")
    .map(({ waiter, holder, outcome, count, delayNs }) => ({
      waiter: waiter.comm,
      holder: holder?.comm,
      outcome,
      count,
      delayNs,
    }));
  return { measured, rows, losses: [...losses] };
}

/** Returns how long threads waited for the mutex until they were woken, in ns, which is a part of what they measured. */
function waitedIn({ rows }: Awaited<ReturnType<typeof watchMutex>>): number {
  const waits = rows.filter(({ waiter, outcome }) => waiter === "waiter" && outcome === "woken");
  return waits.reduce((sum, { delayNs }) => sum + delayNs, 0);
}

function rowsOf(locks: readonly RawLock[], pid: number): RawLock[] {
  return locks.filter(({ waiter }) => waiter.pid === pid);
}
