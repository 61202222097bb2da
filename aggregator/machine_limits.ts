// SPDX-License-Identifier: Apache-2.0
/**
 * Finds out what this machine lets the process have.
 *
 * Deno keeps `/proc` and `/sys` from programs that may not do everything, as the aggregator may not. So a process of its
 * own reads them, at the start: this file, as a program.
 *
 * @module
 */

import { memoryLimit } from "../common/memory_limit.ts";

/** Holds what the kernel allows. */
export interface MachineLimits {
  /** Counts files, sockets and the like that the process may have open. */
  readonly descriptors: number;
  /** Is the memory of the machine, or less where a cgroup above the process has a limit, in bytes. */
  readonly memoryBytes: number;
}

/** Are what most machines give at least, for where nothing can be read. */
export const LEAST_LIMITS: MachineLimits = { descriptors: 1024, memoryBytes: 2 ** 30 };

/** Reads the limits; what cannot be read is as of {@linkcode LEAST_LIMITS}. */
export function readLimits(root = ""): MachineLimits {
  const [, soft] = /^Max open files\s+(\w+)/m.exec(readText(`${root}/proc/self/limits`)) ?? [];
  const [, total] = /^MemTotal:\s+(\d+) kB/m.exec(readText(`${root}/proc/meminfo`)) ?? [];
  const machineBytes = total === undefined ? LEAST_LIMITS.memoryBytes : Number(total) * 1024;
  const limit = memoryLimit({ procRoot: `${root}/proc`, cgroupRoot: `${root}/sys/fs/cgroup` });
  const descriptors = soft === "unlimited" ? 2 ** 20 : Number(soft ?? LEAST_LIMITS.descriptors);
  return { descriptors, memoryBytes: Math.min(machineBytes, limit) };
}

/** Asks a process of its own for the limits; {@linkcode LEAST_LIMITS} where none may be started. */
export async function machineLimits(): Promise<MachineLimits> {
  try {
    const { success, stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-prompt", "--no-config", "--cached-only", "--allow-all", import.meta.url],
      stdin: "null",
      stderr: "null",
    }).output();
    return success ? JSON.parse(new TextDecoder().decode(stdout)) as MachineLimits : LEAST_LIMITS;
  } catch {
    return LEAST_LIMITS;
  }
}

function readText(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}

if (import.meta.main) await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(readLimits())));
