// SPDX-License-Identifier: Apache-2.0
/**
 * Metrics of parts that count nothing, for tests.
 *
 * @module
 */

import { NO_KEPT_TABLES } from "../../agent/elf/kept_files.ts";
import type { Kind } from "../../profile/model.ts";
import { Captures } from "../../agent/capture.ts";
import { ProcessLabels } from "../../agent/metadata/labels.ts";
import type { PodsStats } from "../../agent/metadata/kube/pods.ts";
import { Pusher } from "../../agent/push/pusher.ts";
import { NO_DEBUGINFOD } from "../../symbols/debuginfod/readings.ts";
import { Symboliser } from "../../agent/symbols/symboliser.ts";
import type { UnwinderStats } from "../../agent/unwind/unwinder.ts";
import type { MetricSources } from "../../agent/metrics/metrics.ts";

/** An unwinder that was just opened has these. */
export const NO_UNWINDING: UnwinderStats = {
  pages: { pages: 0, rowBytes: 0, rules: 0, loaded: 0, evicted: 0, refused: 0, rulesRefused: 0 },
  files: { files: 0, refused: 0 },
  tables: { compiled: 0, compiledPages: 0, failed: 0, compileMs: 0, tableBytes: 0, kept: NO_KEPT_TABLES },
  mappings: { processes: 0, prefixes: 0, reads: 0, refused: 0 },
  memoryBytes: 0,
};

const NO_PODS: PodsStats = { pods: 0, lists: 0, watches: 0, failures: 0 };

/** Returns every source that there is, `sources` before the idle ones. */
export function testSources(
  sources: Partial<MetricSources> & { kinds?: readonly Kind[] } = {},
): MetricSources & AsyncDisposable {
  const { kinds = ["cpu", "lock", "syscall"], ...others } = sources;
  const symboliser = Symboliser.open();
  const identity = { agentId: "n1", epoch: 1n, node: "n1", agentVersion: "0.1.0" };
  const transport = { push: () => Promise.reject(new Error("Not asked")) };
  return {
    collectors: kinds.map((kind) => ({ kind, memoryBytes: 0 })),
    symboliser,
    debuginfod: { stats: NO_DEBUGINFOD },
    labels: new ProcessLabels(),
    captures: new Captures({ freq: 99 }),
    pods: { stats: NO_PODS },
    unwinder: { stats: NO_UNWINDING },
    pusher: new Pusher({ identity, transport }),
    bpfMemory: 64 << 20,
    windowMs: 10_000,
    keeper: { stats: { debug_info: 0, symbol_tables: 0, frames: 0 } },
    ...others,
    [Symbol.asyncDispose]: () => symboliser[Symbol.asyncDispose](),
  };
}
