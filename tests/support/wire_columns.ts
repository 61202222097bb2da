// SPDX-License-Identifier: Apache-2.0
/**
 * Batches on the wire as columns, by the generated decoder, and as JSON.
 *
 * @module
 */

import type { Batch as BatchMessage } from "../../proto/gen/aperture/v1/aperture.ts";
import type { WireBatch } from "../../profile/wire/wire_batch.ts";

/** Returns what the generated decoder made of a batch as the columns that the reader gives. */
export function columnsOf(batch: BatchMessage): WireBatch {
  const u32 = (values: number[] = []) => Uint32Array.from(values);
  const f64 = (values: bigint[] = []) => Float64Array.from(values, Number);
  // An enum is decoded with a sign.
  const u8 = (values: number[] = []) => {
    return Uint8Array.from(values, (value) => value < 0 || value > 255 ? 255 : value);
  };
  const { frames, stacks, series, samples, losses, stackEnds, locks, holds, syscalls, slowCalls, foreign } =
    batch;
  return {
    agentId: batch.agentId,
    epoch: batch.epoch,
    sequence: Number(batch.sequence),
    startNs: batch.startNs,
    endNs: batch.endNs,
    node: batch.node,
    agentVersion: batch.agentVersion,
    strings: batch.strings,
    frames: {
      function: u32(frames?.function),
      module: u32(frames?.module),
      file: u32(frames?.file),
      line: u32(frames?.line),
      buildId: u32(frames?.buildId),
      address: f64(frames?.address),
      startLine: u32(frames?.startLine),
      inlined: u32(frames?.inlined),
      rank: u32(frames?.rank),
    },
    stacks: { depth: u32(stacks?.depth), frame: u32(stacks?.frame) },
    series: {
      pid: u32(series?.pid),
      comm: u32(series?.comm),
      exe: u32(series?.exe),
      container: u32(series?.container),
      pod: u32(series?.pod),
      namespace: u32(series?.namespace),
      service: u32(series?.service),
      labels: orZeros(u32(series?.labels), u32(series?.pid)),
      process: orZeros(u32(series?.process), u32(series?.pid)),
    },
    samples: {
      kind: u8(samples?.kind),
      series: u32(samples?.series),
      stack: u32(samples?.stack),
      value: f64(samples?.value),
      count: f64(samples?.count),
    },
    losses: { reason: u32(losses?.reason), count: f64(losses?.count) },
    locks: {
      outcome: u8(locks?.outcome),
      series: u32(locks?.series),
      stack: u32(locks?.stack),
      class: u32(locks?.class),
      type: u32(locks?.type),
      address: orZeros(u32(locks?.address), u8(locks?.outcome)),
      holderSeries: u32(locks?.holderSeries),
      holderStack: u32(locks?.holderStack),
      count: f64(locks?.count),
      delay: f64(locks?.delay),
      max: f64(locks?.max),
      buckets: orZeros(u32(locks?.buckets), u8(locks?.outcome)),
      histogram: f64(locks?.histogram),
    },
    holds: {
      series: u32(holds?.series),
      stack: u32(holds?.stack),
      class: u32(holds?.class),
      count: f64(holds?.count),
      total: f64(holds?.total),
      max: f64(holds?.max),
      buckets: u32(holds?.buckets),
      histogram: f64(holds?.histogram),
    },
    syscalls: {
      series: u32(syscalls?.series),
      call: u32(syscalls?.call),
      category: u32(syscalls?.category),
      count: f64(syscalls?.count),
      total: f64(syscalls?.total),
      min: f64(syscalls?.min),
      max: f64(syscalls?.max),
      errors: u32(syscalls?.errors),
      errno: u32(syscalls?.errno),
      errorCount: f64(syscalls?.errorCount),
      buckets: u32(syscalls?.buckets),
      histogram: f64(syscalls?.histogram),
      open: orZeros(f64(syscalls?.open), u32(syscalls?.series)),
      oldest: orZeros(f64(syscalls?.oldest), u32(syscalls?.series)),
    },
    foreign: {
      type: u32(foreign?.type),
      series: u32(foreign?.series),
      stack: u32(foreign?.stack),
      value: f64(foreign?.value),
      count: f64(foreign?.count),
    },
    slowCalls: {
      series: u32(slowCalls?.series),
      call: u32(slowCalls?.call),
      category: u32(slowCalls?.category),
      object: u32(slowCalls?.object),
      count: f64(slowCalls?.count),
      total: f64(slowCalls?.total),
      onCpu: f64(slowCalls?.onCpu),
      inLock: f64(slowCalls?.inLock),
      max: f64(slowCalls?.max),
    },
    stackEnds: { end: u32(stackEnds?.end), count: f64(stackEnds?.count) },
    agentCpuNs: Number(batch.agentCpuNs),
    agentMemoryBytes: Number(batch.agentMemoryBytes),
  };
}

/** What who does not know a column leaves out is 0. */
function orZeros<Column extends Uint32Array | Float64Array>(
  column: Column,
  { length }: ArrayLike<number>,
): Column {
  if (column.length > 0) return column;
  return (column instanceof Uint32Array ? new Uint32Array(length) : new Float64Array(length)) as Column;
}

/** Is a table of {@linkcode WireJson}: a column is a list of numbers. */
export type TableJson = Readonly<Record<string, readonly number[]>>;

/** Is a batch on the wire as JSON: its tables, its strings, and what it is named by; bigints are text. */
export type WireJson = Readonly<Record<string, string | number | readonly string[] | TableJson>>;

/** Returns `batch` as JSON. */
export function wireJson(batch: WireBatch): WireJson {
  return Object.fromEntries(
    Object.entries(batch).map(([name, value]) => {
      if (typeof value === "bigint") return [name, String(value)];
      if (typeof value !== "object" || Array.isArray(value)) return [name, value];
      return [
        name,
        Object.fromEntries(
          Object.entries<Iterable<number>>(value).map(([key, column]) => [key, [...column]]),
        ),
      ];
    }),
  );
}

/** Returns `batch` as text of JSON, a line for each string and each column. */
export function wireText(batch: WireJson): string {
  const lines = Object.entries(batch).map(([name, value]) => {
    const key = JSON.stringify(name);
    if (typeof value !== "object") return `  ${key}: ${JSON.stringify(value)}`;
    if (Array.isArray(value)) return `  ${key}: [\n${inner(value.map((text) => JSON.stringify(text)))}\n  ]`;
    const columns = Object.entries(value).map(([column, of]) =>
      `${JSON.stringify(column)}: [${of.join(", ")}]`
    );
    return `  ${key}: {\n${inner(columns)}\n  }`;
  });
  return `{\n${lines.join(",\n")}\n}\n`;
}

function inner(lines: readonly string[]): string {
  return lines.map((line) => `    ${line}`).join(",\n");
}
