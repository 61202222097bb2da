// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import { delay } from "@std/async/delay";
import fc from "fast-check";
import { build } from "../../tasks/build.ts";
import { compile, FRAME_POINTERS } from "../../tasks/compile.ts";
import { compileProgram } from "../../tests/support/compiled.ts";
import { Contender } from "../../tests/support/contender.ts";
import { testWith } from "../../tests/support/needs.ts";
import { TempFolder } from "../../tests/support/programs.ts";
import { EARLIER_PLACE, NO_PLACE } from "../libbpf/mod.ts";
import { lockClass } from "../locks/classes.ts";
import { Symboliser } from "../symbols/symboliser.ts";
import { Unwinder } from "../unwind/unwinder.ts";
import { EARLIER_HOLDERS } from "./collector.ts";
import { LockCollector } from "./lock.ts";
import { shareOut, type Wake } from "./lock_open.ts";

/** Programs have small numbers there. */
const UNSHARED = ["unshare", "--pid", "--fork", "--kill-child"];

const wakes = fc.array(
  fc.record({ atNs: fc.bigInt({ min: 1n, max: 1000n }), place: fc.bigInt({ min: 2n, max: 9n }) }),
  { maxLength: 64 },
).map((wakes): Wake[] => wakes.sort((a, b) => a.atNs < b.atNs ? -1 : 1));

Deno.test("shareOut() gives each part to who woke at its end, and sums to the whole", () => {
  fc.assert(
    fc.property(wakes, fc.bigInt(0n, 1000n), fc.bigInt(0n, 1000n), fc.boolean(), (wakes, a, b, more) => {
      const [fromNs, untilNs] = a < b ? [a, b] : [b, a];
      const shares = shareOut({ fromNs, untilNs }, { wakes, more });
      assertEquals(shares.reduce((sum, { ns }) => sum + ns, 0), Number(untilNs - fromNs));
      assert(shares.every(({ ns }) => ns >= 0));
      assertEquals(shares.at(-1)!.place, NO_PLACE);
      const during = wakes.filter(({ atNs }) => atNs > fromNs && atNs <= untilNs);
      const places = during.map(({ place }) => place);
      if (more && during.length === wakes.length && places.length > 0) places[0] = EARLIER_PLACE;
      assertEquals(shares.slice(0, -1).map(({ place }) => place), places);
    }),
  );
});

testWith(
  ["bpf", "clang"],
  "LockCollector shows a deadlock in the first window, each thread as the holder for the other",
  async () => {
    await build("bpf");
    const folder = await Deno.makeTempDir();
    await using cleanup = new AsyncDisposableStack();
    cleanup.defer(() => Deno.remove(folder, { recursive: true }));
    await compile(new URL("../../tests/programs/deadlock.c", import.meta.url).pathname, `${folder}/program`, {
      flags: FRAME_POINTERS,
    });
    await using program = await Contender.start(`${folder}/program`);
    using collector = LockCollector.open({ pid: program.pid });
    await using symboliser = Symboliser.open({ coldMs: 60_000 });
    const begun = performance.now();
    await program.contend();
    let before = 0;
    let windowBegun = begun;
    for (let window = 0; window < 3; window++) {
      await delay(200);
      const drained = performance.now();
      const { locks = [] } = await collector.drain();
      const now = performance.now();
      const rows = locks.filter(({ type, outcome }) => type === "futex" && outcome === "open");
      assertEquals(rows.map(({ waiter, holder }) => [waiter.comm, holder?.comm]).sort(), [
        ["closer", "poster"],
        ["poster", "closer"],
      ]);
      for (const row of rows) {
        const functions = symboliser.stack(row.holder!).map((frame) => frame.function);
        const frames = symboliser.stack(row.waiter);
        const own = row.waiter.comm === "poster" ? /post/ : /close/;
        assert(frames.some((frame) => own.test(frame.function)), Deno.inspect(frames));
        assert(functions.some((name) => (row.holder!.comm === "poster" ? /post/ : /close/).test(name)));
        assertEquals([row.count, lockClass(frames, row.type, row)], [1, "mutex"]);
        // It is as old as it is, and has no more of a window than that is long.
        assert(row.maxNs <= (now - begun) * 1e6 && row.maxNs > before, `${row.maxNs}`);
        assert(row.delayNs <= (now - windowBegun) * 1e6, `${row.delayNs}`);
        assert(window === 0 ? row.delayNs === row.maxNs : row.delayNs < row.maxNs);
      }
      windowBegun = drained;
      before = Math.min(...rows.map(({ maxNs }) => maxNs));
    }
  },
);

for (const kind of ["mutex", "pi"]) {
  for (const [namespaces, command] of [["", []], [", in a pid namespace of its own", UNSHARED]] as const) {
    testWith(
      ["bpf", "clang", "unshare"],
      `LockCollector knows where who has a ${kind} rests in other calls, when nobody wakes${namespaces}`,
      async () => {
        await build("bpf");
        using folder = new TempFolder();
        const path = await compileProgram("lock_owner", folder.path, ["-O2", "-g", "-pthread"]);
        const [program, ...args] = [...command, path, kind];
        await using contender = await Contender.start(program!, args);
        await using unwinder = Unwinder.open();
        using collector = LockCollector.open({ ancestor: Deno.pid, unwinder });
        await using symboliser = Symboliser.open({ unwinder, coldMs: 60_000 });
        unwinder.warm(command.length > 0 ? childOf(contender.pid) : contender.pid);
        await unwinder.settle();
        const rowsOf = async () => {
          const { locks = [] } = await collector.drain();
          // It may have waited for the other one to begin, which woke it.
          return locks.filter(({ waiter, outcome }) => waiter.comm === "lister" && outcome !== "woken");
        };
        const contended = contender.contend();
        await delay(150);
        const rows = await rowsOf();
        const { delayNs } = await contended;
        await delay(50);
        rows.push(...await rowsOf());
        // It was open in the first window, ended by its timeout in the second, and another one is open then.
        const outcomes = new Set(rows.map(({ outcome }) => outcome));
        assertEquals(outcomes, new Set(["open", "timeout"]), Deno.inspect(rows));
        for (const { holder } of rows) {
          assert(holder && holder !== EARLIER_HOLDERS, Deno.inspect(rows));
          assertEquals(holder.comm, "updater");
          const names = symboliser.stack(holder).map((frame) => frame.function);
          const own = names.filter((name) => /^(fetch_prices|update_orders|own)$/.test(name));
          assertEquals(own, ["fetch_prices", "update_orders", "own"], `${names}`);
        }
        const [ended] = rows.filter(({ outcome }) => outcome === "timeout");
        assert(Math.abs(ended!.maxNs - delayNs) <= delayNs * 0.05, `${ended!.maxNs} of ${delayNs}`);
      },
    );
  }
}

testWith(["bpf", "clang"], "LockCollector counts the waits of every call that waits", async () => {
  await build("bpf");
  using folder = new TempFolder();
  await using program = await Contender.start(await compileProgram("futex_calls", folder.path));
  using collector = LockCollector.open({ pid: program.pid });
  const waits = await program.contend<Record<string, number>>();
  const { locks = [] } = await collector.drain();
  const counted: Record<string, number> = Object.fromEntries(Object.keys(waits).map((name) => [name, 0]));
  for (const { waiter, outcome, count } of locks) {
    if (outcome === "timeout") counted[waiter.comm]! += count;
  }
  assertEquals(counted, waits);
  assert(waits.futex! > 0 && waits["ia32:futex"]! > 0, Deno.inspect(waits));
});

/** Returns the only child of a process. */
function childOf(pid: number): number {
  return Number(Deno.readTextFileSync(`/proc/${pid}/task/${pid}/children`));
}
