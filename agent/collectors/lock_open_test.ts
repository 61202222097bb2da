// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import { delay } from "@std/async/delay";
import fc from "fast-check";
import { build } from "../../tasks/build.ts";
import { compile, FRAME_POINTERS } from "../../tasks/compile.ts";
import { Contender } from "../../tests/support/contender.ts";
import { testWith } from "../../tests/support/needs.ts";
import { EARLIER_PLACE, NO_PLACE } from "../libbpf/mod.ts";
import { lockClass } from "../locks/classes.ts";
import { Symboliser } from "../symbols/symboliser.ts";
import { LockCollector } from "./lock.ts";
import { shareOut, type Wake } from "./lock_open.ts";

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
    await using symboliser = Symboliser.open();
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
