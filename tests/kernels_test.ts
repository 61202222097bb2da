// SPDX-License-Identifier: Apache-2.0
/**
 * The programs, and the agent, on other kernels than that of the machine which runs the tests: one boot of each, see
 * `tests/guests/main.ts`.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { Seen } from "./guests/main.ts";
import { outputOf } from "./support/boots.ts";
import { compileChain, KERNELS } from "./support/kernels.ts";
import { testWith } from "./support/needs.ts";
import { run } from "./support/programs.ts";

/** It begins at the leaf on. */
const CHAIN = [
  "level_0",
  ...Array.from({ length: 39 }, (_, i) => `level_${i + 1}`),
  "level_40",
  "main",
];

for (const { version, suite, tellsLocks, taskStorage, runsAgent } of KERNELS) {
  testWith(
    ["qemu-system-x86_64", "busybox", "cpio", "apt-get", "gcc", "clang", "nm", "xz", suite],
    `stacks, locks and system calls are right on Linux ${version}`,
    async (t) => {
      const said = await outputOf(version);
      using chain = await compileChain();
      assert(said.startsWith("{"), said);
      const seen = JSON.parse(said.split("\n")[0]!) as Seen;
      assert(seen.release.startsWith(`${version}.`), seen.release);
      await t.step("stacks are whole and right", () => checkStacks(seen.stacks, functions(chain.path)));
      await t.step("stacks of processes that nobody has read are whole", () => {
        const functionAt = functions(chain.path);
        // A machine that is slow spends much of such short lives on the exec and the start.
        const inside = seen.newProcesses.filter(({ user: [leaf] }) => leaf && functionAt(leaf) === CHAIN[0]);
        assert(rightShare(inside, functionAt) >= 0.99, Deno.inspect(seen.newProcesses));
      });
      await t.step("functions of modules are named", () => {
        assert(seen.module.functions > 5);
        assertEquals(seen.module.wrong, []);
      });
      await t.step("waits for locks have their holder", () => checkLocks(seen.locks, tellsLocks));
      await t.step("delay belongs to who held during it", () => checkRuns(seen.locks.holders, checkHolders));
      await t.step("system calls are counted exactly", () => {
        assertEquals(seen.calls.map((calls) => calls.taskStorage), [taskStorage, false]);
        for (const { runs } of seen.calls) checkCalls(runs);
      });
      await t.step("who waits for a server is told from a server", () => {
        for (const { reads } of seen.calls) {
          assertEquals(reads, {
            asker: [["read(server)", 4]],
            server: [["recvfrom(socket)", 4]],
            twin: [["read(socket)", 1]],
          });
        }
      });
      if (runsAgent) await t.step("the agent has them", () => checkAgent(seen.agent!));
    },
  );
}

/** Returns the share of the stacks that have the chain, which is above 0. */
function rightShare(stacks: Seen["stacks"]["user"], functionAt: (address: number) => string): number {
  let [right, all] = [0, 0];
  for (const { user, count } of stacks) {
    const names = user.map((address, i) => functionAt(i === 0 ? address : address - 1));
    if (names.slice(0, CHAIN.length).join() === CHAIN.join()) right += count;
    all += count;
  }
  assert(all >= 20, `${all} samples`);
  return right / all;
}

function checkStacks(
  { user, ends, losses }: Seen["stacks"],
  functionAt: (address: number) => string,
): void {
  assert(rightShare(user, functionAt) >= 0.99, Deno.inspect(user));
  const walks = ends.reduce((sum, [, count]) => sum + count, 0);
  assert(new Map(ends).get("complete")! >= walks * 0.99, Deno.inspect(ends));
  assertEquals(losses, []);
}

function checkLocks(
  { measured, rows, losses, watchesKernel, kernel }: Seen["locks"],
  tellsLocks: boolean,
): void {
  const waits = rows.filter(({ waiter, outcome }) => waiter === "waiter" && outcome === "woken");
  const count = (some: typeof rows) => some.reduce((sum, { count }) => sum + count, 0);
  const held = waits.filter(({ holder }) => holder === "holder");
  assert(count(held) > 20 && count(held) >= count(waits) * 0.9, Deno.inspect(rows));
  // The wait is a part of the call that the program measures.
  const delayNs = waits.reduce((sum, { delayNs }) => sum + delayNs, 0);
  assert(delayNs > 0 && delayNs <= measured.delayNs, Deno.inspect({ rows, measured }));
  assertEquals(losses, []);
  assertEquals(watchesKernel, tellsLocks);
  assertEquals(kernel > 0, tellsLocks, `${kernel} waits for locks of the kernel`);
}

/** Checks that one of the runs is as it should be; throws what is wrong with the last one. */
function checkRuns<Run>(runs: readonly Run[], check: (run: Run) => void): void {
  for (const [i, run] of runs.entries()) {
    try {
      return check(run);
    } catch (error) {
      if (i === runs.length - 1) throw error;
    }
  }
}

/** An emulated machine on a busy host stands still at times; lock_holders_test.ts holds this machine's kernel to 2 %. */
const NEAR = 0.1;

/** Checks that who held the lock has the delay of the others, also where a window ended in the middle. */
function checkHolders({ measured, delays, open }: Seen["locks"]["holders"][number]): void {
  const text = Deno.inspect({ measured, delays });
  const whole = Object.values(delays).reduce((sum, delayNs) => sum + delayNs, 0);
  const near = (ours: number, theirs: number) => {
    assert(Math.abs(ours - theirs) <= measured.delayNs * NEAR, text);
  };
  near(whole, measured.delayNs);
  // What was open when the first window ended may be nobody's yet.
  const { flusher = 0, adder = 0, nobody = 0 } = delays;
  near(flusher + adder + nobody, measured.delayNs);
  const { flush_orders: flush, add_order: add } = measured.holders;
  assert(flusher <= flush!.delayNs + measured.delayNs * NEAR, text);
  assert(flusher >= flush!.delayNs - nobody - measured.delayNs * NEAR, text);
  assert(adder <= add!.delayNs + measured.delayNs * NEAR, text);
  assert(open > 0, text);
}

function checkCalls(runs: Seen["calls"][number]["runs"]): void {
  const calls = (what: string, call: string) => {
    const { rows, losses } = runs.find((run) => run.what === what)!;
    assertEquals(losses.filter(([name]) => /^syscall|^counts_|^outside/.test(name)), []);
    const { count, errors } = rows.find((row) => row.call === call)!;
    return { count, errors };
  };
  assertEquals(calls("calls", "getppid"), { count: 20_000, errors: [] });
  assertEquals(calls("stop", "nanosleep"), { count: 1, errors: [] });
  assertEquals(calls("refuse", "getppid"), { count: 50, errors: [[1, 50]] });
  assertEquals(calls("die", "pause"), { count: 3, errors: [] });
  assertEquals(calls("ia32", "ia32:close"), { count: 10, errors: [[9, 10]] });
}

function checkAgent({ code, said, folded }: NonNullable<Seen["agent"]>): void {
  assertEquals(code, 0, said);
  const chain = `;${CHAIN.toReversed().join(";")} `;
  assert(folded.split("\n").some((line) => line.includes(chain)), `${said}${folded}`);
}

/** Returns the name of the function at an address of a program that is mapped where it says. */
function functions(path: string): (address: number) => string {
  const symbols = run("nm", ["-n", "--defined-only", path]).trim().split("\n")
    .map((line) => line.split(" ")).filter(([, type]) => /[tTwW]/.test(type!))
    .map(([address, , name]) => ({ address: parseInt(address!, 16), name: name! }));
  return (address) => symbols.findLast((symbol) => symbol.address <= address)?.name ?? "?";
}
