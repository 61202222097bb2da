// SPDX-License-Identifier: Apache-2.0
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { testWith } from "../../tests/support/needs.ts";
import { PERIOD_NS, SteadyFleet } from "../../tests/support/steady_fleet.ts";
import { startStorage } from "../../tests/support/storage.ts";
import { Writer } from "../storage/writer.ts";
import type { Alert } from "./alert.ts";
import { evaluate } from "./evaluate.ts";
import { judge } from "./estimate.ts";
import { type Measured, Measurer } from "./measure.ts";
import { parseRule } from "./rule_schema.ts";

/** A whole bucket, an hour and a day before which all are kept. */
const NOW = Math.floor(Date.now() / 3_600_000) * 3_600_000 - 3_600_000;
const DAY_MS = 86_400_000;

/** Returns the start of each window of `ms` before `end`. */
function windows(end: number, ms: number): number[] {
  return Array.from({ length: ms / 10_000 }, (_, i) => end - ms + i * 10_000);
}

testWith(["chdb"], "Measurer measures what is in storage", async (t) => {
  await using storage = await startStorage();
  const fleet = new SteadyFleet(5);
  const writer = new Writer(storage.client);
  const cart = { parse_json: 400, render: 500, "cart-2/parse_json": 10, "cart-2/render": 90 };
  const before = { parse_json: 100, render: 900, "cart-2/parse_json": 10, "cart-2/render": 90 };
  const calls = { count: 1000, ns: 3_000_000, failed: 50 };
  const waits = { count: 20, ns: 50_000_000 };
  const node = "n1";
  const now = windows(NOW, 60_000).map((startMs) =>
    fleet.window({ node, startMs, samples: cart, calls, waits })
  );
  const earlier = [...windows(NOW - 60_000, 60_000), ...windows(NOW - DAY_MS, 60_000)].map((startMs) =>
    fleet.window({ node, startMs, samples: before })
  );
  const lost = fleet.window({
    node: "n2",
    startMs: NOW - 30 * 60_000,
    samples: { render: 1000 },
    losses: new Map([["counts_map_full", 100]]),
  });
  await writer.write({ token: "all", batches: [...now, ...earlier, lost] });
  const measurer = new Measurer(storage.client);
  const common = { name: "a", threshold: 1, window: "1m", lag: "0s", min_samples: 1 };
  const measure = async (rule: Record<string, unknown>, at = NOW) =>
    await measurer.measure(parseRule({ ...common, ...rule }), at);
  const one = (groups: readonly Measured[]): Measured => {
    assertEquals(groups.length, 1);
    return groups[0]!;
  };
  const sum = (fn: string, pod?: string) => {
    let [hit, all] = [0, 0];
    for (const { samples, stacks, frames, series, strings } of now) {
      samples.count.forEach((count, i) => {
        if (samples.kind[i] !== 1 || (pod && strings[series.pod[samples.series[i]!]!] !== pod)) return;
        all += count;
        if (strings[frames.function[stacks.frame[stacks.offset[samples.stack[i]!]!]!]!] === fn) hit += count;
      });
    }
    return { hit, all };
  };

  await t.step("share and cores of a function, as sums over the samples", async () => {
    const { hit, all } = sum("parse_json");
    const share = one((await measure({ measure: "share", function: "parse_json" })).groups);
    assertAlmostEquals(share.estimate.value, hit / all, 1e-9);
    assertEquals(share.estimate.samples, all);
    assertAlmostEquals(share.estimate.down, 3 * Math.sqrt(hit + 1) / all, 1e-9);
    const cores = one((await measure({ measure: "cores", function: "parse_json", of: "self" })).groups);
    assertAlmostEquals(cores.estimate.value, hit * PERIOD_NS / 60e9, 1e-9);
  });

  await t.step(
    "self is of the leaf alone, a module of all of its code, and what there is not is 0",
    async () => {
      const share = async (rule: Record<string, unknown>) =>
        one((await measure({ measure: "share", ...rule })).groups).estimate.value;
      assertEquals(await share({ function: "handle_request" }), 1);
      assertEquals(await share({ function: "handle_request", of: "self" }), 0);
      assertEquals(await share({ module: "/usr/bin/shop" }), 1);
      assertEquals(await share({ module: "/usr/bin/other" }), 0);
      assertEquals(await share({ function: "parse_json", module: "/usr/bin/other" }), 0);
      assertEquals(await share({ function: "no_such" }), 0);
    },
  );

  await t.step("groups by label, bounded, the largest first", async () => {
    const rule = { measure: "share", function: "parse_json", for_each: ["pod"] };
    const { groups, cut } = await measure(rule);
    assertEquals(groups.map(({ labels }) => labels["pod"]), ["cart-1", "cart-2"]);
    const { hit, all } = sum("parse_json", "cart-2");
    assertAlmostEquals(groups[1]!.estimate.value, hit / all, 1e-9);
    assertEquals(cut, 0);
    const bounded = await measure({ ...rule, groups: 1 });
    assertEquals([bounded.groups.length, bounded.cut], [1, 1]);
    assertEquals((await measure({ ...rule, match: '{pod="cart-2"}' })).groups.length, 1);
  });

  await t.step(
    "against the window before and the day before: a function that has grown, and one that has not",
    async () => {
      for (const against of ["previous", "day"]) {
        const rule = { measure: "share", function: "parse_json", against, threshold: 1.5, for_each: ["pod"] };
        const { groups } = await measure(rule);
        const verdicts = groups.map((
          { labels, estimate },
        ) => [labels["pod"], judge(estimate, parseRule({ ...common, ...rule }))]);
        assertEquals(verdicts, [["cart-1", "over"], ["cart-2", "under"]]);
        assert(groups[0]!.base!.value < 0.2 && groups[0]!.now.value > 0.35);
      }
      // A week ago there was nothing: nothing is said.
      const week = await measure({
        measure: "share",
        function: "parse_json",
        against: "week",
        threshold: 1.5,
      });
      assertEquals(
        judge(one(week.groups).estimate, parseRule({ ...common, measure: "share", function: "x" })),
        "unknown",
      );
    },
  );

  await t.step("latency, rate and failures of a call", async () => {
    const call = (measure: string) => ({ measure, call: "pread64", match: '{pod="cart-1"}' });
    const p99 = one((await measure(call("p99"))).groups).estimate;
    assert(p99.value > 2e-3 && p99.value < 4.2e-3 && p99.value - p99.down > 2e-3, JSON.stringify(p99));
    assertAlmostEquals(one((await measure(call("rate"))).groups).estimate.value, 100, 1e-9);
    const failed = one((await measure(call("error_rate"))).groups).estimate;
    assertAlmostEquals(failed.value, 0.05, 1e-9);
    assertEquals(failed.samples, 6000);
    assertEquals((await measure({ ...call("rate"), for_each: ["pod", "node"] })).groups[0]!.labels, {
      pod: "cart-1",
      node: "n1",
    });
    assertEquals(one((await measure({ measure: "rate", call: "no_such" })).groups).estimate.value, 0);
  });

  await t.step("delay of a place that waits for a lock, and how long another one held it", async () => {
    const delay =
      one((await measure({ measure: "delay", function: "lock_cart", class: "mutex" })).groups).estimate;
    assertAlmostEquals(delay.value, 20 * 6 * 0.05 / 60, 1e-9);
    const held = one((await measure({ measure: "hold", function: "flush_cart" })).groups).estimate;
    assertAlmostEquals(held.value, 20 * 6 * 0.05 / 60, 1e-9);
    assertEquals(one((await measure({ measure: "hold", function: "lock_cart" })).groups).estimate.value, 0);
    assertEquals(one((await measure({ measure: "delay", class: "rwlock" })).groups).estimate.value, 0);
    assertEquals(one((await measure({ measure: "delay", function: "render" })).groups).estimate.value, 0);
  });

  await t.step("agents that are silent, and that lose", async () => {
    const silent = one((await measure({ measure: "agents_silent", threshold: 0 })).groups).estimate;
    assertEquals(silent.value, 1);
    const each = await measure({ measure: "agents_silent", threshold: 0, for_each: ["node"] });
    assertEquals(each.groups.map(({ labels, now }) => [labels["node"], now.value]), [["n1", 0], ["n2", 1]]);
    const losing = { measure: "agents_losing", threshold: 0, match: '{node=~"n.*"}' };
    assertEquals(one((await measure(losing)).groups).estimate.value, 0);
    const then = NOW - 30 * 60_000 + 10_000;
    assertEquals(one((await measure(losing, then)).groups).estimate.value, 1);
    assertEquals(one((await measure({ ...losing, match: '{node="n1"}' }, then)).groups).estimate.value, 0);
  });

  await t.step("an application's pushes, and details that are missing, say nothing of agents", async () => {
    const window = (node: string, losses = new Map<string, number>()) =>
      fleet.window({ node, startMs: NOW - 30_000, samples: { render: 100 }, losses });
    const details = [
      "slow_map_full",
      "syscall_errors_map_full",
      "python_stack_failed",
      "outside_pid_namespace",
    ];
    const batches = [
      { ...window("n2"), agentId: "push" },
      window("n3", new Map(details.map((reason) => [reason, 1000]))),
    ];
    await writer.write({ token: "others", batches });
    const silent = await measure({ measure: "agents_silent", threshold: 0, for_each: ["node"] });
    assertEquals(
      silent.groups.map(({ labels, now }) => [labels["node"], now.value]),
      [["n1", 0], ["n2", 1], ["n3", 0]],
    );
    const losing = { measure: "agents_losing", threshold: 0, match: '{node="n3"}' };
    assertEquals(one((await measure(losing)).groups).estimate.value, 0);
  });
});

testWith(
  ["chdb"],
  "an hour of a steady load makes no alert, and one of it that changes makes one",
  async () => {
    await using storage = await startStorage();
    const fleet = new SteadyFleet(9);
    const HOUR_MS = 3_600_000;
    const steady = { parse_json: 100, render: 300, "cart-2/parse_json": 40, "cart-2/render": 360, hash: 15 };
    const batches = windows(NOW, HOUR_MS + 300_000).map((startMs) => {
      const calls = { count: 500, ns: 2_000_000, failed: 5 };
      // From five minutes before the end, one function of the other node takes what it did not before.
      const slowed = startMs >= NOW - 300_000
        ? { ...steady, "cart-3/parse_json": 400, "cart-3/render": 500 }
        : { ...steady, "cart-3/parse_json": 100, "cart-3/render": 800 };
      return [
        fleet.window({ node: "n1", startMs, samples: steady, calls }),
        fleet.window({ node: "n2", startMs, samples: slowed }),
      ];
    }).flat();
    await new Writer(storage.client).write({ token: "hour", batches });
    const measurer = new Measurer(storage.client);
    // Without a time for which they must hold: whatever chance does is an alert.
    const common = { window: "2m", lag: "0s", for: "0s", against: "previous" };
    const rules = [
      { name: "Grew", measure: "share", function: "parse_json", threshold: 1.2, for_each: ["pod"] },
      {
        name: "Small",
        measure: "share",
        function: "hash",
        of: "self",
        threshold: 1,
        match: '{pod="cart-1"}',
      },
      { name: "Failing", measure: "error_rate", call: "pread64", threshold: 1.1 },
    ].map((rule) => parseRule({ ...common, ...rule }));
    const metrics = { evaluated() {}, bounded() {} };
    const { signal } = new AbortController();
    let before: Alert[] = [];
    const fired: string[] = [];
    let minutes = 0;
    for (let now = NOW - HOUR_MS; now <= NOW; now += 120_000, minutes += 2) {
      const alerts = await evaluate({
        ...{ rules, before, now, metrics, signal, base: new URL("http://aperture.test") },
        measure: (rule, signal) => measurer.measure(rule, now, signal),
      });
      for (const { changed, state, rule, labels } of alerts) {
        if (changed && state === "firing") {
          fired.push(
            `${Math.round((now - NOW) / 60_000)} ${rule} ${labels["pod"] ?? ""}`,
          );
        }
      }
      before = alerts.filter(({ state }) => state === "firing" || state === "pending");
    }
    assertEquals(minutes, 62);
    assertEquals(fired, ["-4 Grew cart-3"]);
  },
);
