// SPDX-License-Identifier: Apache-2.0
/**
 * Reads what a process has used until now, with the BPF programs and maps that it has open.
 *
 * @module
 */

import { cpuSeconds, statFields } from "../common/proc_stat.ts";

/** All but the last two grow for as long as the process lives. */
export interface Usage {
  readonly userSeconds: number;
  readonly systemSeconds: number;
  /** BPF programs run in what they watch; `kernel.bpf_stats_enabled` has the kernel time them. */
  readonly bpfSeconds: number;
  readonly rssBytes: number;
  readonly mapBytes: number;
}

/** @throws {Error} when there is no such process */
export function usage(pid: number): Usage {
  const { user, system } = cpuSeconds(statFields(Deno.readTextFileSync(`/proc/${pid}/stat`)));
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  const bpf = new Map<string, { runNs: number; mapBytes: number }>();
  for (const { name } of Deno.readDirSync(`/proc/${pid}/fdinfo`)) {
    const info = descriptor(`/proc/${pid}/fdinfo/${name}`);
    const number = (key: string) => Number(new RegExp(`^${key}:\\s*(\\d+)$`, "m").exec(info)?.[1] ?? 0);
    // Several descriptors may be of one map; links name their program, too, but not how long it ran.
    if (number("map_id")) bpf.set(`map ${number("map_id")}`, { runNs: 0, mapBytes: number("memlock") });
    else if (info.includes("run_time_ns:")) {
      bpf.set(`program ${number("prog_id")}`, { runNs: number("run_time_ns"), mapBytes: 0 });
    }
  }
  return {
    userSeconds: user,
    systemSeconds: system,
    bpfSeconds: bpf.values().reduce((sum, { runNs }) => sum + runNs, 0) / 1e9,
    rssBytes: Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) * 1024,
    mapBytes: bpf.values().reduce((sum, { mapBytes }) => sum + mapBytes, 0),
  };
}

/** Returns "" for one that was closed meanwhile. */
function descriptor(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}
