// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertMatch } from "@std/assert";
import { ProfileBuilder } from "../../profile/builder.ts";
import { testWith } from "../../tests/support/needs.ts";
import type { Recording } from "../agent.ts";
import { Unwinder } from "../unwind/unwinder.ts";
import { AgentMetrics, type MetricSources } from "./metrics.ts";
import { NO_UNWINDING, testSources } from "../../tests/support/agent_metrics.ts";

/** Returns the lower-case names of an enum of `bpf/aperture.h`, without its prefix and its end. */
async function namesOf(type: string, prefix: string): Promise<string[]> {
  const header = await Deno.readTextFile(new URL("../../bpf/aperture.h", import.meta.url));
  const body = new RegExp(`enum ${type} \\{([^}]*)\\}`).exec(header)![1]!;
  const names = [...body.matchAll(/^\s*(\w+),$/gm)].map(([, name]) => name!);
  assertMatch(names.at(-1)!, /_MAX$/);
  return names.slice(0, -1).map((name) => name.replace(prefix, "").toLowerCase());
}

/** Returns the values of one metric by their labels' values. */
async function valuesOf({ registry }: AgentMetrics, name: string): Promise<Map<string, number>> {
  const { values } = await registry.getSingleMetric(name)!.get();
  return new Map(values.map(({ labels, value }) => [Object.values(labels).join(), value]));
}

Deno.test("AgentMetrics has every stack end and every loss of the kernel side, at 0, for the kinds that are watched", async () => {
  await using sources = testSources({ kinds: ["cpu", "syscall"] });
  const metrics = new AgentMetrics(sources);
  const ends = await namesOf("aperture_stack_end", "APERTURE_STACK_");
  const losses = await namesOf("aperture_loss", "APERTURE_LOSS_");
  const [stacks, lost] = [
    await valuesOf(metrics, "aperture_agent_stacks_total"),
    await valuesOf(metrics, "aperture_agent_losses_total"),
  ];
  assertEquals(
    new Set(stacks.keys()),
    new Set(["cpu", "syscall"].flatMap((kind) => ends.map((end) => `${kind},${end}`))),
  );
  assertEquals(
    new Set(lost.keys().map((labels) => labels.replace(/,(lost|incomplete)$/, ""))),
    new Set(
      ["cpu", "syscall"].flatMap((kind) =>
        [...losses, "reading_failed", "naming_failed"].map((loss) => `${kind},${loss}`)
      ),
    ),
  );
  assertEquals(new Set([...stacks.values(), ...lost.values()]), new Set([0]));
});

function recordingOf(count: number): Recording {
  const builder = new ProfileBuilder();
  const series = builder.series({ pid: 1 });
  builder.add("cpu", series, builder.stack([]), count * 1e9, count);
  const call = {
    series,
    call: "read",
    category: "file" as const,
    errors: new Map(),
    histogram: [0, count],
    open: 0,
    oldest: 0,
  };
  builder.addSyscall({ ...call, count, total: count * 2e9, min: 1, max: 3 });
  const losses = new Map([["counts_map_full", 1], ["user_stack_failed", 2]]);
  const kinds = new Map(
    [
      ["cpu", { losses, stackEnds: new Map([["complete", count]]) }],
      ["syscall", { losses: new Map(), stackEnds: new Map([["no_page", 1]]) }],
    ] as const,
  );
  return {
    profile: builder.build(),
    ...{ startNs: 0n, endNs: 1_764_000_010_500_000_000n, losses, stackEnds: new Map(), kinds },
    times: { late: 20, drain: 3, name: 700, settle: 300 },
    early: 1,
  };
}

Deno.test("AgentMetrics counts events, losses and stack ends by kind, and the time that windows took", async () => {
  await using sources = testSources({ kinds: ["cpu", "syscall"] });
  const metrics = new AgentMetrics(sources);
  // A second one has its own numbers.
  new AgentMetrics(sources).window(recordingOf(1));
  for (const count of [5, 7]) metrics.window(recordingOf(count));
  const text = await metrics.registry.metrics();
  for (
    const line of [
      "aperture_agent_windows_total 2",
      "aperture_agent_early_drains_total 2",
      'aperture_agent_events_total{kind="cpu"} 12',
      'aperture_agent_events_total{kind="syscall"} 12',
      'aperture_agent_event_seconds_total{kind="cpu"} 12',
      'aperture_agent_event_seconds_total{kind="syscall"} 24',
      'aperture_agent_losses_total{kind="cpu",loss="counts_map_full",effect="lost"} 2',
      'aperture_agent_losses_total{kind="cpu",loss="user_stack_failed",effect="incomplete"} 4',
      'aperture_agent_losses_total{kind="syscall",loss="counts_map_full",effect="lost"} 0',
      'aperture_agent_stacks_total{kind="cpu",end="complete"} 12',
      'aperture_agent_stacks_total{kind="syscall",end="no_page"} 2',
      "aperture_agent_last_window_timestamp_seconds 1764000010.5",
      "aperture_agent_drain_delay_seconds_sum 0.04",
      "aperture_agent_drain_duration_seconds_sum 0.006",
      "aperture_agent_naming_duration_seconds_sum 1.4",
      "aperture_agent_settle_duration_seconds_sum 0.6",
      "aperture_agent_settle_duration_seconds_count 2",
      "aperture_agent_window_seconds 10",
      "aperture_agent_bpf_memory_limit_bytes 67108864",
    ]
  ) assert(text.split("\n").includes(line), `${line}\n${text}`);
});

/** Returns `stats` with another number, a multiple of 1000, in each place; and those numbers by place. */
function numbered(stats: object, numbers: Map<string, number>, path: string): object {
  return Object.fromEntries(
    Object.entries(stats).map(([key, value]) => {
      const at = `${path}.${key}`;
      if (typeof value === "object") return [key, numbered(value, numbers, at)];
      numbers.set(at, 1_000_000 + 1000 * numbers.size);
      return [key, numbers.get(at)!];
    }),
  );
}

Deno.test("AgentMetrics shows everything that its parts count, each in one metric", async () => {
  await using real = testSources();
  const numbers = new Map<string, number>();
  const part = <S>(stats: S, path: string) => ({ stats: numbered(stats as object, numbers, path) as S });
  const pusher = part(real.pusher!.stats(), "pusher");
  const sources: MetricSources = {
    ...real,
    symboliser: part(real.symboliser.stats, "symboliser"),
    labels: part(real.labels.stats, "labels"),
    pods: part(real.pods!.stats, "pods"),
    unwinder: part(real.unwinder!.stats, "unwinder"),
    debuginfod: part(real.debuginfod!.stats, "debuginfod"),
    pusher: { stats: () => pusher.stats },
  };
  const { registry } = new AgentMetrics(sources);
  const shown = (await registry.getMetricsAsJSON()).flatMap(({ name, values }) => {
    return name.startsWith("aperture_agent_") ? values.map(({ value }) => value) : [];
  });
  const missing = [...numbers].filter(([, n]) => {
    // Milliseconds are shown as seconds.
    return shown.filter((value) => value === n || value === n / 1000).length !== 1;
  });
  assertEquals(missing, []);
});

testWith(["bpf"], "NO_UNWINDING is what an unwinder counts", async () => {
  await using unwinder = Unwinder.open({ memoryBytes: 4 << 20 });
  const places = new Map<string, number>();
  numbered(unwinder.stats, places, "");
  const known = new Map<string, number>();
  numbered(NO_UNWINDING, known, "");
  assertEquals(known, places);
});

Deno.test("AgentMetrics keeps to the conventions for names, and has labels of few values alone", async () => {
  await using sources = testSources();
  const { registry } = new AgentMetrics(sources);
  const metrics = await registry.getMetricsAsJSON();
  assert(metrics.length > 60);
  const labels = new Set<string>();
  for (const { name, help, type, values } of metrics) {
    assertMatch(name, /^(aperture_agent|process)_[a-z_]+$/);
    assertEquals(name.endsWith("_total"), String(type) === "counter", name);
    if (String(type) === "histogram") assertMatch(name, /_seconds$/);
    assertMatch(help, /^[A-Z].{10,}[^.]$/, name);
    assert(values.length > 0, name);
    for (const value of values) for (const label of Object.keys(value.labels)) labels.add(label);
  }
  assertEquals(
    labels,
    new Set(["kind", "loss", "effect", "end", "part", "result", "reason", "verb", "version", "le"]),
  );
});

Deno.test("AgentMetrics has no metrics of parts that there are not", async () => {
  const parts = /unwind|_pod|push|debuginfod/;
  const textOf = async (sources: MetricSources) => {
    return (await new AgentMetrics(sources).registry.metrics()).replaceAll(/^#.*/gm, "");
  };
  await using all = testSources();
  assertMatch(await textOf(all), parts);
  await using sources = testSources({
    ...{ pods: undefined, unwinder: undefined, pusher: undefined, debuginfod: undefined },
  });
  const text = await textOf(sources);
  assert(!parts.test(text), text);
});
