// SPDX-License-Identifier: Apache-2.0
import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { KINDS, RANK, type Total } from "../../profile/model.ts";
import { splitLosses } from "../../profile/losses.ts";
import { testWith } from "../../tests/support/needs.ts";
import { FIRST_MS, plainSyscalls, plainTotals } from "../../tests/support/random_batches.ts";
import { everything, storeBatches } from "../../tests/support/stored_batches.ts";

function sumCounts(counts: Iterable<number>): number {
  return [...counts].reduce((a, b) => a + b, 0);
}

function sum(samples: readonly Total[]): Total {
  const of = (part: "value" | "count") => samples.reduce((all, sample) => all + sample[part], 0);
  return { value: of("value"), count: of("count") };
}

testWith(["chdb"], "questions without stacks answer what the written batches hold", async (t) => {
  await using stored = await storeBatches({ count: 30, seed: 12 });
  const { queries, batches, samples } = stored;
  const totals = plainTotals(batches);
  const range = { from: FIRST_MS - 60_000, to: FIRST_MS + 180_000 };

  await t.step("kinds() gives all that were seen, idle or not", async () => {
    const { kinds } = await queries.kinds({ ...range, matchers: [] });
    assertEquals(
      kinds,
      KINDS.map((kind) => ({ kind, total: sum(totals.filter((each) => each.kind === kind)) })),
    );
    const none = await queries.kinds({ from: 0, to: 60_000, matchers: [] });
    assertEquals(none.kinds, []);
  });

  for (const step of [10, 60]) {
    for (const kind of KINDS) {
      await t.step(
        `timeline() of ${kind} by a label in steps of ${step} s has every sample once`,
        async () => {
          const { from, steps, lanes } = await queries.timeline(everything(kind), {
            by: "service",
            step,
            limit: 2,
          });
          assertEquals([from, steps], [range.from, 240 / step]);
          assertEquals(lanes.map(({ rest }) => rest), [false, false, true]);
          const own = totals.filter((each) => each.kind === kind);
          for (let i = 0; i < steps; i++) {
            const at = own.filter(({ startMs }) =>
              Math.floor((Math.floor(startMs / 10_000) * 10_000 - from) / 1000 / step) === i
            );
            for (const { name, rest, value, count } of lanes) {
              const named = lanes.filter((lane) => !lane.rest).map((lane) => lane.name);
              const of = at.filter(({ series }) =>
                rest ? !named.includes(series.service) : series.service === name
              );
              assertEquals({ value: value[i], count: count[i] }, sum(of), `${name} ${i}`);
            }
          }
        },
      );
    }
  }
  await t.step("windows() counts agents, events and losses of each step", async () => {
    const { from, agents, counted, lost } = await queries.windows(range, { step: 60 });
    assertEquals([from, agents.length], [range.from, 4]);
    assert(sumCounts(counted) > 0 && agents.every((n, i) => n > 0 || counted[i] === 0), String(agents));
    const known = await queries.losses(range);
    const gone = splitLosses(new Map(Object.entries(known.losses))).lost;
    assertEquals(sumCounts(lost), sumCounts(gone.values()));
    assert(sumCounts(lost) > 0);
    const once = await queries.windows(range, { step: 240 });
    assertEquals([sumCounts(once.counted), sumCounts(once.lost)], [sumCounts(counted), sumCounts(lost)]);
    await assertRejects(() => queries.windows(range, { step: 1 }), RangeError, "1");
  });
  await t.step(
    "builds() lists files with several build ids, each with its first and last sample",
    async () => {
      const { builds } = await queries.builds(everything("cpu"), {});
      const seen = new Map<string, Set<string>>();
      for (const { kind, frames } of samples) {
        for (const { module, buildId } of kind === "cpu" ? frames : []) {
          if (buildId !== "") seen.set(module, (seen.get(module) ?? new Set()).add(buildId));
        }
      }
      const several = [...seen].filter(([, ids]) => ids.size > 1)
        .flatMap(([module, ids]) => [...ids].map((id) => `${module} ${id}`));
      assertEquals(builds.map(({ module, buildId }) => `${module} ${buildId}`).sort(), several.sort());
      assert(builds.every(({ first, last }) => range.from <= first && first <= last && last < range.to));
    },
  );
  await t.step("timeline() by function has each function's own time, and the rest", async () => {
    const { lanes, steps } = await queries.timeline(everything("cpu"), {
      by: "function",
      step: 60,
      limit: 3,
    });
    assertEquals([lanes.length, steps], [4, 4]);
    const own = samples.filter(({ kind }) => kind === "cpu");
    for (const { name, module, rest, value } of lanes) {
      const of = own.filter(({ frames: [leaf] }) =>
        rest
          ? !lanes.some((lane) => !lane.rest && lane.name === leaf?.function && lane.module === leaf.module)
          : leaf?.function === name && leaf.module === module
      );
      assertEquals(value.reduce((a, b) => a + b, 0), sum(of).value, name);
    }
    await assertRejects(() => queries.timeline(everything("cpu"), { step: 15 }), RangeError, "15");
    await assertRejects(
      () => queries.timeline({ ...everything("cpu"), from: 0 }, {}),
      RangeError,
      "2000 steps",
    );
  });

  await t.step("callHeatmap() has each call's latency in its step", async () => {
    const { columns } = await queries.callHeatmap(everything("syscall"), {
      calls: ["read", "futex"],
      step: 60,
    });
    const calls = plainSyscalls(batches).filter(({ call }) => call === "read" || call === "futex");
    columns.forEach((column, i) => {
      const own = calls.filter(({ startMs }) => Math.floor((startMs - range.from) / 60_000) === i);
      for (let bucket = 0; bucket < 64; bucket++) {
        const expected = own.reduce((all, { histogram }) => all + (histogram[bucket] ?? 0), 0);
        assertEquals(column[bucket] ?? 0, expected, `${i} ${bucket}`);
      }
    });
    assert(columns.flat().some((count) => count > 0));
  });

  await t.step("fleet() and losses() sum what batches say", async () => {
    const { agents } = await queries.fleet(range);
    const keys = new Set(batches.map(({ node, agentId }) => `${node} ${agentId}`));
    assertEquals(new Set(agents.map(({ node, agentId }) => `${node} ${agentId}`)), keys);
    let known = 0;
    for (const agent of agents) {
      const own = batches.filter(({ node, agentId }) => node === agent.node && agentId === agent.agentId);
      assertEquals(agent.batches, own.length);
      assertEquals(agent.lastEnd, Math.max(...own.map(({ endNs }) => Number(endNs / 1_000_000n))));
      assertEquals(agent.losses, summed(own.map(({ losses }) => losses)));
      const told = own.filter(({ usage }) => usage).sort((a, b) => a.startNs < b.startNs ? -1 : 1);
      const ns = told.reduce((all, { startNs, endNs }) => all + Number(endNs - startNs), 0);
      const cpuNs = told.reduce((all, { usage }) => all + usage!.cpuNs, 0);
      assertEquals(agent.usage?.memoryBytes, told.at(-1)?.usage?.memoryBytes);
      assertAlmostEquals(agent.usage?.cores ?? 0, told.length > 0 ? cpuNs / ns : 0);
      known += told.length;
    }
    assert(known > 0);
    const { losses, batches: count } = await queries.losses(range);
    assertEquals([losses, count], [summed(batches.map(({ losses }) => losses)), batches.length]);
    assertEquals((await queries.losses({ from: 0, to: 1000 })).losses, {});
  });

  await t.step("coverage() sums stacks by the worst name that they have of a file", async () => {
    const { files } = await queries.coverage(everything("cpu"), { limit: 1000 });
    const own = samples.filter(({ kind }) => kind === "cpu");
    for (const { module, buildId, nameable, total, unnamed, withoutLines } of files) {
      const isOf = (frame: { module: string; buildId: string }) =>
        frame.module === module && frame.buildId === buildId;
      const worst = (frames: readonly { module: string; buildId: string; rank?: number }[]) =>
        Math.min(...frames.filter(isOf).map((frame) => frame.rank!));
      const through = own.filter(({ frames }) => frames.some(isOf));
      assertEquals(total, sum(through), module);
      assertEquals(unnamed, sum(through.filter(({ frames }) => worst(frames) === RANK.none)), module);
      assertEquals(withoutLines, sum(through.filter(({ frames }) => worst(frames) < RANK.debug)), module);
      assertEquals(nameable, buildId !== "");
    }
    const values = files.map(({ unnamed }) => unnamed.value);
    assertEquals(values, values.toSorted((a, b) => b - a));
    assert(files.some(({ nameable, unnamed }) => nameable && unnamed.value > 0));
  });

  await t.step("store() tells rows, bytes and times of the tables", async () => {
    const { tables, disk } = await queries.store();
    const named = new Map(tables.map((table) => [table.name, table]));
    assert(named.get("samples")!.rows > 0 && named.get("samples")!.bytes > 0);
    assertEquals(named.get("stacks")!.oldest, undefined);
    const times = samples.map(({ startMs }) => startMs);
    for (const [name, step] of [["samples", 10], ["samples_1m", 60], ["samples_1d", 86_400]] as const) {
      const begin = (ms: number) => Math.floor(ms / step / 1000) * step * 1000;
      const { oldest, newest } = named.get(name)!;
      assertEquals([oldest, newest], [begin(Math.min(...times)), begin(Math.max(...times))], name);
    }
    assert(disk.free > 0 && disk.total > disk.free);
  });

  await t.step("each answer says what it took", async () => {
    const { cost } = await queries.aggregate(everything("cpu"));
    assert(cost.rowsRead > 0 && cost.bytesRead > 0 && cost.elapsedMs > 0);
  });
});

function summed(maps: readonly ReadonlyMap<string, number>[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const map of maps) {
    for (const [name, count] of map) if (count > 0) sums[name] = (sums[name] ?? 0) + count;
  }
  return sums;
}
