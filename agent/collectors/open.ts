// SPDX-License-Identifier: Apache-2.0
/**
 * The collectors that a run needs, under one budget.
 *
 * @module
 */

import type { Kind } from "../../profile/model.ts";
import type { Collector } from "./collector.ts";
import { CPU_OBJECT, CpuCollector } from "./cpu.ts";
import { leastCpuBytes, mostCpuBytes } from "./cpu_map_size.ts";
import { onlineCpus } from "./cpus.ts";
import { KnownStacks } from "./known_stacks.ts";
import { LOCK_OBJECT, LockCollector } from "./lock.ts";
import { leastLockBytes } from "./lock_map_size.ts";
import { checkMemory } from "./map_size.ts";
import type { Unwinder } from "../unwind/unwinder.ts";
import { SYSCALL_OBJECT, SyscallCollector } from "./syscall.ts";
import { leastSyscallBytes } from "./syscall_map_size.ts";

/** The object file of each kind's programs. */
export const OBJECTS: Readonly<Record<Kind, string>> = {
  cpu: CPU_OBJECT,
  lock: LOCK_OBJECT,
  syscall: SYSCALL_OBJECT,
};

/**
 * Parts of the memory that is left: calls of processes that come and go fill maps the fastest, and these take no more than
 * what is in them; those of locks take all that they may have.
 */
const SHARES: Readonly<Record<Kind, number>> = { cpu: 3, lock: 1, syscall: 5 };

export interface OpenCollectorsOptions {
  readonly freq: number;
  /** CPU samples may be set to this. */
  readonly maxFreq?: number | undefined;
  /** The only process that is watched; all without it. */
  readonly pid?: number | undefined;
  /** All processes that descend from this one are watched instead of one. */
  readonly ancestor?: number | undefined;
  /** All maps of all kinds together may use so many bytes. */
  readonly memoryBytes: number;
  /** System calls that take as long keep their stack. */
  readonly slowNs: number;
  /** Walks user stacks; without it they are those of frame pointers. */
  readonly unwinder?: Unwinder | undefined;
  /** The agent's own work is counted, too. */
  readonly includeSelf: boolean;
}

/** The maps of samples have room for so many ms at most: one that fills is emptied before, a drain comes some ms late. */
const CPU_ROOM_MS = 4000;

/** Opens the collectors of `kinds`. @throws {Error} when the kernel refuses one; none is open then */
export function openCollectors(
  kinds: readonly Kind[],
  options: OpenCollectorsOptions,
): { readonly collectors: readonly Collector[]; [Symbol.dispose](): void } {
  using stack = new DisposableStack();
  const cpus = onlineCpus().length;
  const { freq, maxFreq = freq } = options;
  const memory = shareMemory(kinds, options.memoryBytes, {
    cpus,
    cpuBytes: mostCpuBytes({ cpus, freq: Math.max(freq, maxFreq), windowMs: CPU_ROOM_MS }),
  });
  const known = new KnownStacks();
  const collectors = kinds.map((kind) =>
    stack.use(openCollector(kind, { ...options, known, memoryBytes: memory[kind]! }))
  );
  const owned = stack.move();
  return { collectors, [Symbol.dispose]: () => owned.dispose() };
}

const LEAST: Readonly<Record<Kind, (cpus: number) => number>> = {
  cpu: leastCpuBytes,
  lock: leastLockBytes,
  syscall: leastSyscallBytes,
};

/**
 * Returns `memoryBytes` shared out among `kinds`: to each what its smallest maps need on so many CPUs, which on large
 * machines is most of it, and a part of the rest. What CPU samples have no use for goes to system calls, whose maps take
 * no more than what is in them.
 *
 * @param cpuBytes the maps of CPU samples have no use for more @default {Infinity}
 * @throws {RangeError} when the smallest maps of several kinds do not fit together
 */
export function shareMemory(
  kinds: readonly Kind[],
  memoryBytes: number,
  { cpus, cpuBytes = Infinity }: { cpus: number; cpuBytes?: number },
): Partial<Record<Kind, number>> {
  const [only] = kinds;
  if (only && kinds.length === 1) return { [only]: memoryBytes };
  const least = kinds.map((kind) => LEAST[kind](cpus));
  const smallest = least.reduce((sum, bytes) => sum + bytes, 0);
  checkMemory(memoryBytes, smallest);
  const whole = kinds.reduce((sum, kind) => sum + SHARES[kind], 0);
  const spare = memoryBytes - smallest;
  const shared: Partial<Record<Kind, number>> = Object.fromEntries(
    kinds.map((kind, i) => [kind, least[i]! + Math.floor(spare * SHARES[kind] / whole)]),
  );
  const { cpu, syscall } = shared;
  if (cpu === undefined || syscall === undefined || cpu <= cpuBytes) return shared;
  return { ...shared, cpu: cpuBytes, syscall: syscall + cpu - cpuBytes };
}

function openCollector(
  kind: Kind,
  { freq, maxFreq, pid, ancestor, memoryBytes, slowNs, includeSelf, unwinder, known }:
    & OpenCollectorsOptions
    & { readonly known: KnownStacks },
): Collector {
  const common = {
    memoryBytes,
    known,
    ...(pid === undefined ? {} : { pid }),
    ...(ancestor === undefined ? {} : { ancestor }),
    ...(unwinder && { unwinder }),
  };
  switch (kind) {
    case "cpu":
      return CpuCollector.open({ freq, maxFreq, windowMs: CPU_ROOM_MS, ...common });
    case "lock":
      return LockCollector.open({ includeSelf, ...common });
    case "syscall":
      return SyscallCollector.open({ includeSelf, slowNs, ...common });
  }
}
