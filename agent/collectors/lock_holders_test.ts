// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import { build } from "../../tasks/build.ts";
import { compileTo, sourcesOf } from "../../tests/support/compiled.ts";
import { Contender } from "../../tests/support/contender.ts";
import { testWith } from "../../tests/support/needs.ts";
import { TempFolder } from "../../tests/support/programs.ts";
import { Symboliser } from "../symbols/symboliser.ts";
import { Unwinder } from "../unwind/unwinder.ts";
import { EARLIER_HOLDERS, type RawHold, type RawLock, type RawStack, type Window } from "./collector.ts";
import { LockCollector } from "./lock.ts";

const PROGRAMS = new URL("../../tests/programs/", import.meta.url).pathname;

/** Says what a function did with the lock. */
interface Account {
  readonly delayNs: number;
  readonly holds: number;
  readonly heldNs: number;
}

/** Holds what a program, or the collector, says of its waits. */
interface Accounts {
  readonly delayNs: number;
  readonly holders: Readonly<Record<string, Account>>;
}

const NO_ACCOUNT: Account = { delayNs: 0, holds: 0, heldNs: 0 };

const C = { source: "lock_holders.c", compiler: "clang", flags: ["-O2", "-g", "-pthread"] };
const CXX = { ...C, compiler: "g++", flags: ["-x", "c++", ...C.flags] };
const MUSL = { ...C, compiler: "musl-gcc" };
const RUST = {
  source: "lock_holders.rs",
  compiler: "rustc",
  flags: ["-O", "-g", "--crate-name=lock_holders"],
};
const SEMAPHORE = { ...C, source: "semaphore_wakers.c" };

const CASES: Readonly<Record<string, { program: typeof C; args: readonly string[] }>> = {
  "a convoy of one": { program: C, args: ["mutex", "1"] },
  "a convoy of three": { program: C, args: ["mutex", "3"] },
  "a convoy of 16": { program: C, args: ["mutex", "16"] },
  "a convoy of 64": { program: C, args: ["mutex", "64"] },
  "threads that barge": { program: C, args: ["barging", "2"] },
  "a queue of 40 who wait once": { program: C, args: ["queue", "40"] },
  "a fair lock": { program: C, args: ["fair", "3"] },
  "a lock for readers and writers, of which all write": { program: C, args: ["rwlock", "3"] },
  "readers and a writer": { program: C, args: ["readers", "3"] },
  "priority inheritance": { program: C, args: ["pi", "3"] },
  "robust mutexes whose owners end": { program: C, args: ["robust", "3"] },
  "a semaphore": { program: SEMAPHORE, args: ["3"] },
  "std::mutex of C++": { program: CXX, args: ["std", "8"] },
  "std::sync::Mutex of Rust": { program: RUST, args: ["std", "3"] },
  "musl's mutex": { program: MUSL, args: ["mutex", "3"] },
};

/**
 * A thread that loses its CPU between its own look at the clock and its call has another account than the kernel; and
 * where a thread that was woken gets none for as long as another one holds the lock, nobody is told of that. So the
 * programs go before others, and run again where one of their runs was such.
 */
const MOST_TRIES = 5;
const FIRST = ["nice", "-n", "-20"] as const;

testWith(
  ["bpf", "clang", "g++", "musl-gcc", "rustc"],
  "LockCollector gives delay to who held during it",
  async (t) => {
    await build("bpf");
    using folder = new TempFolder();
    await using programs = new AsyncDisposableStack();
    const started: { name: string; program: Contender }[] = [];
    for (const [name, { program: { source, compiler, flags }, args }] of Object.entries(CASES)) {
      const path = `${folder.path}/${started.length}`;
      await compileTo(path, {
        compiler,
        args: (output) => [...flags, "-o", output, `${PROGRAMS}${source}`],
        sources: await sourcesOf(`${PROGRAMS}${source}`),
      });
      started.push({
        name,
        program: programs.use(await Contender.start(FIRST[0], [...FIRST.slice(1), path, ...args])),
      });
    }
    await using unwinder = Unwinder.open();
    using collector = LockCollector.open({ ancestor: Deno.pid, unwinder });
    await using symboliser = Symboliser.open({ unwinder, coldMs: 60_000 });
    for (const { program } of started) unwinder.warm(program.pid);
    await unwinder.settle();
    for (const { name, program } of started) {
      await t.step(name, async () => {
        // The unwinder gets to know what of libraries it has not yet seen.
        let before = await program.contend<Accounts>();
        await collector.drain();
        for (let tries = MOST_TRIES;; tries--) {
          const after = await program.contend<Accounts>();
          const window = await collector.drain();
          try {
            checkAccounts(accountsOf(window, program.pid, symboliser), difference(after, before));
            break;
          } catch (error) {
            if (tries === 1) throw error;
            before = after;
          }
        }
      });
    }
  },
);

/** Delays within 2 % of all delay, and the time that the lock was held within 5 %. */
function checkAccounts(ours: Accounts, theirs: Accounts): void {
  const text = Deno.inspect({ ours, theirs }, { depth: 4 });
  assert(Math.abs(ours.delayNs - theirs.delayNs) <= theirs.delayNs * 0.02, text);
  let heldNs = 0;
  for (const { heldNs: held } of Object.values(theirs.holders)) heldNs += held;
  for (const [name, account] of Object.entries(theirs.holders)) {
    const { delayNs, heldNs: held } = ours.holders[name] ?? NO_ACCOUNT;
    assert(Math.abs(delayNs - account.delayNs) <= theirs.delayNs * 0.02, `${name}: ${text}`);
    assert(Math.abs(held - account.heldNs) <= heldNs * 0.05, `${name} is held otherwise: ${text}`);
  }
}

function difference(after: Accounts, before: Accounts): Accounts {
  return {
    delayNs: after.delayNs - before.delayNs,
    holders: Object.fromEntries(
      Object.entries(after.holders).map(([name, account]) => {
        const { delayNs, holds, heldNs } = before.holders[name]!;
        return [name, {
          delayNs: account.delayNs - delayNs,
          holds: account.holds - holds,
          heldNs: account.heldNs - heldNs,
        }];
      }),
    ),
  };
}

function accountsOf(
  { locks = [], holds = [], losses }: Window,
  program: number,
  symboliser: Symboliser,
): Accounts {
  const holders: Record<string, { delayNs: number; holds: number; heldNs: number }> = {};
  const of = (name: string) => holders[name] ??= { ...NO_ACCOUNT };
  const waits = locks.filter(({ waiter, type }) => {
    return type === "futex" && waiter.pid === program && OWN.test(nameOf(waiter, symboliser));
  });
  for (const { holder, delayNs } of waits) of(nameOf(holder, symboliser)).delayNs += delayNs;
  const held = holds.filter(({ holder }) => holder.pid === program);
  for (const { holder, count, totalNs } of held) {
    // musl's joins look as its mutexes do: who waits expects the same there.
    if (symboliser.stack(holder)[0]?.function === "pthread_exit") continue;
    const account = of(nameOf(holder, symboliser));
    account.holds += count;
    account.heldNs += totalNs;
  }
  for (const loss of ["wait_shares_map_full", "counts_map_full", "holder_forgotten", "holds_map_full"]) {
    assertEquals(losses.get(loss), undefined, loss);
  }
  checkRows(waits, held);
  checkParts(waits);
  return { delayNs: waits.reduce((sum, { delayNs }) => sum + delayNs, 0), holders };
}

/** Checks that what rows say of their waits agrees. */
function checkRows(waits: readonly RawLock[], holds: readonly RawHold[]): void {
  for (const { outcome, count, maxNs, histogram } of waits) {
    if (outcome === "open") continue;
    assertEquals(histogram.reduce((sum, waits) => sum + waits, 0), count);
    assertEquals(histogram.length, count === 0 ? 0 : Math.floor(Math.log2(maxNs)) + 1);
  }
  for (const { count, maxNs, totalNs, histogram } of holds) {
    assertEquals(histogram.reduce((sum, holds) => sum + holds, 0), count);
    assert(maxNs <= totalNs && totalNs <= maxNs * count);
  }
}

/** Where a thread has waited once, by a name of its own, its parts are that wait, to the nanosecond. */
function checkParts(waits: readonly RawLock[]): void {
  const queued = Map.groupBy(
    waits.filter(({ waiter }) => /^adder \d/.test(waiter.comm)),
    ({ waiter }) => waiter,
  );
  for (const rows of queued.values()) {
    const [whole, ...others] = rows.filter(({ count }) => count > 0);
    assertEquals([whole?.count, others], [1, []]);
    assertEquals(rows.reduce((sum, { delayNs }) => sum + delayNs, 0), whole!.maxNs);
  }
}

const OWN = /(flush_orders|add_order|leave_with_lock|read_orders|take_order)/;

/**
 * Says what threads do whose stacks do not tell: musl has no unwind tables, and who ended with the lock has left the
 * function.
 */
const BY_THREAD: Readonly<Record<string, string>> = {
  flusher: "flush_orders",
  adder: "add_order",
  leaver: "leave_with_lock",
};

/** Returns the function of the program that a place is in. */
function nameOf(place: RawStack | undefined, symboliser: Symboliser): string {
  if (!place) return "nobody";
  if (place === EARLIER_HOLDERS) return "earlier";
  const names = symboliser.stack(place).map((frame) => frame.function);
  const own = names.find((name) => OWN.test(name));
  const musl = symboliser.stack(place).some(({ module }) => module.includes("musl"));
  if (!own) return musl || place.comm === "leaver" ? BY_THREAD[place.comm]! : names.join(" < ");
  return OWN.exec(own)![0];
}
