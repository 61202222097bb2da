// SPDX-License-Identifier: Apache-2.0
/**
 * Makes the metrics that the parts tell Prometheus.
 *
 * @module
 */

import process from "node:process";
import { Counter, Gauge, Histogram, type Registry } from "prom-client";

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/**
 * A metric that is read from `T` when somebody asks: a counter where the name ends in `_total`, else a gauge. With a
 * label it has one value for each key.
 */
export type Reading<T> =
  | readonly [name: string, help: string, value: (from: T) => number]
  | readonly [
    name: string,
    help: string,
    values: (from: T) => Readonly<Record<string, number>>,
    label: string,
  ];

const OPEN_METRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/**
 * Returns what `registry` has, in OpenMetrics where `accept` (a request's header) names it, else in Prometheus's text
 * format.
 *
 * The library's own OpenMetrics is a state of the registry, which would be another request's as well.
 */
export async function metricsText(
  registry: Registry,
  accept: string | null,
): Promise<{ readonly type: string; readonly body: string }> {
  const body = await registry.metrics();
  if (!/\bapplication\/openmetrics-text\b/.test(accept ?? "")) return { type: registry.contentType, body };
  return { type: OPEN_METRICS, body: toOpenMetrics(body) };
}

/** Counters have their names without `_total` there, but for the samples; units are said, and so is the end. */
function toOpenMetrics(text: string): string {
  const lines = text.split("\n").filter((line) => line !== "");
  const counters = new Set(lines.flatMap((line) => /^# TYPE (\S+)_total counter$/.exec(line)?.[1] ?? []));
  const out = lines.flatMap((line) => {
    const [, what, name, rest] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (what === undefined) return [line];
    const family = counters.has(name!.replace(/_total$/, "")) ? name!.replace(/_total$/, "") : name!;
    const [, unit] = /_(seconds|bytes)$/.exec(family) ?? [];
    return [`# ${what} ${family} ${rest}`, ...what === "TYPE" && unit ? [`# UNIT ${family} ${unit}`] : []];
  });
  return `${out.join("\n")}\n# EOF\n`;
}

/** Makes metrics in `registry`. */
export class MetricFactory {
  readonly #registers: [Registry];

  constructor(registry: Registry) {
    this.#registers = [registry];
  }

  counter<T extends string = never>(name: string, help: string, labelNames: readonly T[] = []): Counter<T> {
    return new Counter({ name, help, labelNames, registers: this.#registers });
  }

  /** Makes a histogram of seconds. */
  histogram<T extends string = never>(
    name: string,
    help: string,
    { buckets = SECONDS, labelNames = [] }: {
      readonly buckets?: readonly number[];
      readonly labelNames?: readonly T[];
    } = {},
  ): Histogram<T> {
    return new Histogram({ name, help, buckets: [...buckets], labelNames, registers: this.#registers });
  }

  gauge<T extends string = never>(name: string, help: string, labelNames: readonly T[] = []): Gauge<T> {
    return new Gauge({ name, help, labelNames, registers: this.#registers });
  }

  /** Tells which version runs, as a label; the value is 1. */
  buildInfo(name: string, version: string): void {
    const help = "Which version this is; always 1";
    new Gauge({ name, help, labelNames: ["version"], registers: this.#registers }).set({ version }, 1);
  }

  /** Makes metrics of what `read` gives, which is asked once each time that the registry's are. */
  readings<T>(read: () => T, readings: readonly Reading<T>[]): void {
    let now: { readonly value: T } | undefined;
    const once = () => {
      if (!now) {
        now = { value: read() };
        // A registry collects all its metrics in one turn.
        queueMicrotask(() => now = undefined);
      }
      return now.value;
    };
    for (const [name, help, value, label] of readings) {
      const labelNames = label === undefined ? [] : [label];
      const valuesOf = (from: T) => {
        const values = value(from);
        return typeof values === "number" ? [[{}, values] as const] : labelled(label!, values);
      };
      const common = { name, help, labelNames, registers: this.#registers };
      if (name.endsWith("_total")) {
        new Counter({
          ...common,
          collect() {
            this.reset();
            for (const [labels, value] of valuesOf(once())) this.inc(labels, value);
          },
        });
      } else {
        new Gauge({
          ...common,
          collect() {
            for (const [labels, value] of valuesOf(once())) this.set(labels, value);
          },
        });
      }
    }
  }

  /** Adds what Prometheus's own libraries tell of the process, by the same names. */
  process(): void {
    this.readings(() => process.cpuUsage(), [
      ["process_cpu_seconds_total", "CPU time of the process, in user space and in the kernel", (used) => {
        return (used.user + used.system) / 1e6;
      }],
      ["process_resident_memory_bytes", "Memory of the process that is in RAM", () => Deno.memoryUsage().rss],
      ["process_start_time_seconds", "When the process began, in Unix time", () => {
        return performance.timeOrigin / 1000;
      }],
    ]);
  }

  /** Adds how many files are open, which Deno tells only to a program that may do everything. */
  openFiles(): void {
    this.readings(openFiles, [
      ["process_open_fds", "Files, sockets and the like that the process has open", (open) => open],
    ]);
  }
}

function labelled(
  label: string,
  values: Readonly<Record<string, number>>,
): (readonly [Record<string, string>, number])[] {
  return Object.entries(values).map(([key, value]) => [{ [label]: key }, value]);
}

/** Counts what `/proc/self/fd` lists, but for the one by which that folder is read. */
function openFiles(): number {
  return [...Deno.readDirSync("/proc/self/fd")].length - 1;
}
