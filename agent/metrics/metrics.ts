// SPDX-License-Identifier: Apache-2.0
/**
 * Tells Prometheus of the agent and of what it records, in a registry of its own.
 *
 * Labels are kinds, reasons and parts of the agent: what is watched, such as processes, is none.
 *
 * @module
 */

import { type Counter, type Histogram, Registry } from "prom-client";
import { VERSION } from "../../common/main.ts";
import { MetricFactory } from "../../common/metrics.ts";
import { endedWaits, type Kind, type Profile, type Total, totalOf } from "../../profile/model.ts";
import type { OtlpExporter } from "../../profile/otlp/exporter.ts";
import { exporterReadings, NO_EXPORTS } from "../../profile/otlp/readings.ts";
import type { Relabeller } from "../../profile/relabel/relabeller.ts";
import type { Recording } from "../agent.ts";
import { READING_LOSS } from "../collectors/map_sets.ts";
import { NAMING_LOSS } from "../naming.ts";
import type { Captures } from "../capture.ts";
import type { Collector } from "../collectors/collector.ts";
import { allocatorBytes, LOSSES, SAMPLE_LOSSES, STACK_ENDS } from "../libbpf/mod.ts";
import type { Pods } from "../metadata/kube/pods.ts";
import type { ProcessLabels } from "../metadata/labels.ts";
import type { Pusher } from "../push/pusher.ts";
import type { Debuginfod } from "../../symbols/debuginfod/debuginfod.ts";
import type { MemoryKeeper } from "../memory/keeper.ts";
import type { Symboliser } from "../symbols/symboliser.ts";
import type { Unwinder } from "../unwind/unwinder.ts";
import { CAPTURES, DEBUGINFOD, LABELS, PODS, PUSH, SYMBOLS, UNWIND } from "./readings.ts";

/** The parts that metrics are read from, and what was set. */
export interface MetricSources {
  readonly collectors: readonly Pick<Collector, "kind" | "memoryBytes">[];
  readonly symboliser: Pick<Symboliser, "stats">;
  readonly debuginfod?: Pick<Debuginfod, "stats"> | undefined;
  readonly labels: Pick<ProcessLabels, "stats">;
  readonly pods?: Pick<Pods, "stats"> | undefined;
  readonly unwinder?: Pick<Unwinder, "stats"> | undefined;
  /** The agent pushes by this. */
  readonly pusher?: Pick<Pusher, "stats"> | undefined;
  readonly captures: Pick<Captures, "stats">;
  /** All BPF maps together may use so many bytes. */
  readonly bpfMemory: number;
  readonly windowMs: number;
  readonly keeper?: Pick<MemoryKeeper, "stats"> | undefined;
  readonly relabeller?: Pick<Relabeller, "dropped"> | undefined;
  /** Sends on to a collector. */
  readonly exporter?: Pick<OtlpExporter, "stats"> | undefined;
}

/** Counts windows, and reads the parts when it is asked. */
export class AgentMetrics {
  readonly registry = new Registry();
  readonly #windows: Counter;
  readonly #events: Counter<"kind">;
  readonly #eventSeconds: Counter<"kind">;
  readonly #losses: Counter<"kind" | "loss" | "effect">;
  readonly #stacks: Counter<"kind" | "end">;
  readonly #early: Counter;
  readonly #seconds: Readonly<Record<keyof Recording["times"], Histogram>>;
  #lastEnd = 0;

  constructor(sources: MetricSources) {
    const make = new MetricFactory(this.registry);
    this.#windows = make.counter("aperture_agent_windows_total", "Windows that were drained and named");
    this.#events = make.counter(
      "aperture_agent_events_total",
      "Events that were recorded: samples of kind cpu, ended waits of kind lock, ended calls of kind syscall",
      ["kind"],
    );
    this.#eventSeconds = make.counter(
      "aperture_agent_event_seconds_total",
      "What the recorded events took: CPU time, time of waiting, time in calls",
      ["kind"],
    );
    this.#losses = make.counter(
      "aperture_agent_losses_total",
      "Events that the kernel side could not count (effect lost), or not with all that belongs to them (incomplete)",
      ["kind", "loss", "effect"],
    );
    this.#stacks = make.counter(
      "aperture_agent_stacks_total",
      "Walks along user stacks by how they ended; complete is a whole stack",
      ["kind", "end"],
    );
    this.#early = make.counter(
      "aperture_agent_early_drains_total",
      "Drains before the end of a window, as a map of a kind had filled to a part",
    );
    this.#seconds = stepHistograms(make);
    make.readings(() => this.#lastEnd, [[
      "aperture_agent_last_window_timestamp_seconds",
      "When the last window ended, in Unix time; 0 before the first",
      (end) => end,
    ]]);
    addSources(make, sources);
    make.process();
    make.openFiles();
    make.buildInfo("aperture_agent_build_info", VERSION);
    // What has not happened is 0, not absent.
    for (const { kind } of sources.collectors) this.#begin(kind);
  }

  /** Counts a window. */
  window({ profile, endNs, kinds, times, early }: Recording): void {
    this.#windows.inc();
    this.#early.inc(early);
    this.#lastEnd = Number(endNs / 1_000_000n) / 1000;
    for (const [kind, { losses, stackEnds }] of kinds) {
      const { value, count } = eventsOf(profile, kind);
      this.#events.inc({ kind }, count);
      this.#eventSeconds.inc({ kind }, value / 1e9);
      for (const [loss, count] of losses) this.#losses.inc({ kind, loss, effect: effectOf(loss) }, count);
      for (const [end, count] of stackEnds) this.#stacks.inc({ kind, end }, count);
    }
    for (const [step, histogram] of Object.entries(this.#seconds)) {
      histogram.observe(times[step as keyof typeof times] / 1000);
    }
  }

  #begin(kind: Kind): void {
    this.#events.inc({ kind }, 0);
    this.#eventSeconds.inc({ kind }, 0);
    for (const loss of [...LOSSES, ...OWN_LOSSES]) {
      this.#losses.inc({ kind, loss, effect: effectOf(loss) }, 0);
    }
    for (const end of STACK_ENDS) this.#stacks.inc({ kind, end }, 0);
  }
}

function stepHistograms(make: MetricFactory): Record<keyof Recording["times"], Histogram> {
  return {
    late: make.histogram(
      "aperture_agent_drain_delay_seconds",
      "How much later than due windows were drained",
    ),
    drain: make.histogram("aperture_agent_drain_duration_seconds", "Time that draining a window's maps took"),
    name: make.histogram(
      "aperture_agent_naming_duration_seconds",
      "Time from a window's drain until it was named",
    ),
    settle: make.histogram(
      "aperture_agent_settle_duration_seconds",
      "The part of the time for naming that was spent waiting for inlined functions and lines",
    ),
  };
}

function addSources(make: MetricFactory, sources: MetricSources): void {
  const { collectors, symboliser, debuginfod, labels, pods, unwinder, pusher, bpfMemory, windowMs } = sources;
  make.readings(() => sources, [
    ["aperture_agent_window_seconds", "How long a window is meant to be", () => windowMs / 1000],
    [
      "aperture_agent_bpf_memory_bytes",
      "What BPF maps use, by whose they are: those of a kind, or the unwinder's",
      () => ({
        ...Object.fromEntries(collectors.map(({ kind, memoryBytes }) => [kind, memoryBytes])),
        ...unwinder && { unwinder: unwinder.stats.memoryBytes },
      }),
      "part",
    ],
    [
      "aperture_agent_memory_bytes",
      "What the agent itself holds, by part: V8's heap, buffers outside of it, files that are mapped, and what the C " +
      "library's allocator has given out (malloc, in which most buffers are) and has not (malloc_free)",
      memoryParts,
      "part",
    ],
    ["aperture_agent_bpf_memory_limit_bytes", "What all BPF maps together may use", () => bpfMemory],
  ]);
  const { keeper } = sources;
  if (keeper) {
    make.readings(() => keeper.stats, [[
      "aperture_agent_memory_shed_total",
      "Times that something was given up to be read again, as the agent held more than it may",
      (counts) => ({ ...counts }),
      "part",
    ]]);
  }
  make.readings(() => sources.exporter?.stats ?? NO_EXPORTS, exporterReadings("aperture_agent"));
  make.readings(() => sources.relabeller, [[
    "aperture_agent_relabel_dropped_rows_total",
    "Rows of samples, waits, holds and calls that relabel rules dropped",
    (relabeller) => relabeller?.dropped ?? 0,
  ]]);
  make.readings(() => symboliser.stats, SYMBOLS);
  if (debuginfod) make.readings(() => debuginfod.stats, DEBUGINFOD);
  make.readings(() => labels.stats, LABELS);
  make.readings(() => sources.captures.stats, CAPTURES);
  if (pods) make.readings(() => pods.stats, PODS);
  if (unwinder) make.readings(() => unwinder.stats, UNWIND);
  if (pusher) make.readings(() => pusher.stats(), PUSH);
}

/** Returns the parts of what is resident; buffers are in what the C library's allocator gives out, or are mapped. */
function memoryParts(): Record<string, number> {
  const { heapTotal, external } = Deno.memoryUsage();
  const status = Deno.readTextFileSync("/proc/self/status");
  const program = 1024 * Number(/^RssFile:\s+(\d+)/m.exec(status)?.[1] ?? 0);
  const allocator = allocatorBytes();
  return {
    ...{ heap: heapTotal, buffers: external, program },
    ...allocator && { malloc: allocator.used, malloc_free: allocator.free },
  };
}

/** These are the agent's own, and not the kernel side's. */
const OWN_LOSSES: readonly string[] = [READING_LOSS, NAMING_LOSS];

function effectOf(loss: string): "lost" | "incomplete" {
  return OWN_LOSSES.includes(loss) || (SAMPLE_LOSSES as ReadonlySet<string>).has(loss)
    ? "lost"
    : "incomplete";
}

/** Returns all events of a kind that ended, idle ones too, and what they and those that go on took in ns. */
function eventsOf(profile: Profile, kind: Kind): Total {
  const sum = (column: Float64Array) => column.reduce((a, b) => a + b, 0);
  const { locks, syscalls } = profile;
  switch (kind) {
    case "cpu":
      return totalOf(profile, kind);
    case "lock":
      return { value: sum(locks.delay), count: endedWaits(locks) };
    case "syscall":
      return { value: sum(syscalls.total), count: sum(syscalls.count) };
  }
}
