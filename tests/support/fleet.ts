// SPDX-License-Identifier: Apache-2.0
/**
 * A fleet that never was: profiles of a few machines with a few hundred functions, the same in each run.
 *
 * @module
 */

import { ProfileBuilder } from "../../profile/builder.ts";
import { KERNEL_MODULE, type Profile, SYSCALL_MODULE } from "../../profile/model.ts";
import { type Code, CODES, KERNEL_PATHS, LIBC, SMALL } from "./fleet_programs.ts";
import { LOCK_SITES, SYSCALL_ROWS } from "./fleet_waits.ts";

/** The time between two samples, in ns. */
const NANOSECONDS = 10_101_010;

/** Holds what the fake fleet knows of one machine. */
export interface FleetNode {
  readonly node: string;
  readonly profile: Profile;
}

let made: readonly FleetNode[] | undefined;
let madeOfAllKinds: readonly FleetNode[] | undefined;

/** Returns three machines of different size, always the same: to make them takes as long as many tests. */
export function fleet(): readonly FleetNode[] {
  return made ??= ["db-1", "web-1", "web-2"].map((node, i) => {
    return { node, profile: machine(7 + i, { samples: [9000, 5200, 2600][i]!, bias: i === 0 ? 0 : 1 }) };
  });
}

/** Returns the fleet, of which one machine was watched for locks and system calls, too. */
export function fleetOfAllKinds(): readonly FleetNode[] {
  return madeOfAllKinds ??= addAllKinds();
}

function addAllKinds(): readonly FleetNode[] {
  const [first, ...others] = fleet();
  const builder = new ProfileBuilder();
  builder.merge(first!.profile);
  const series = builder.series({ pid: 100, exe: CODES[0]!.exe, comm: "postgres" });
  const stack = (...path: string[]) =>
    builder.stack(
      path.toReversed().map((text) => {
        const [name, module = CODES[0]!.exe] = text.split("|");
        return builder.frame({ function: name!, module, file: "", line: 0, buildId: "", address: 0 });
      }),
    );
  const roots = CODES[0]!.roots;
  for (const site of LOCK_SITES) {
    const [holder] = site.holders;
    builder.addLock({
      outcome: "woken",
      series,
      stack: stack(...roots, ...site.stack.toReversed().map((name) => `${name}|${site.module}`)),
      class: site.class,
      type: site.type,
      holder: holder && { series, stack: stack(...roots, holder.function) },
      count: site.total.count,
      delay: site.total.value,
      max: site.max,
      histogram: [],
    });
  }
  for (const row of SYSCALL_ROWS) {
    const { call, total } = row;
    builder.addSyscall({ ...row, series, count: total.count, total: total.value, open: 0, oldest: 0 });
    builder.add(
      "syscall",
      series,
      stack(...roots, "secure_read", `${call}|${SYSCALL_MODULE}`),
      total.value,
      total.count,
    );
  }
  return [{ ...first!, profile: builder.build() }, ...others];
}

function machine(seed: number, { samples, bias }: { samples: number; bias: number }): Profile {
  const random = randomOf(seed);
  const builder = new ProfileBuilder();
  for (let i = 0; i < samples; i++) {
    const code = bias === 0 || random() < 0.6 ? pickCode(random()) : CODES[1 + i % 2]!;
    const series = builder.series({
      pid: 100 + CODES.indexOf(code!),
      exe: code?.exe ?? "",
      comm: code?.comm ?? small(random()),
    });
    const path = code ? userPath(code, random) : [{ name: "main", module: "/usr/sbin/daemon" }];
    if (!code || random() * 100 < code.kernel) {
      const kernel = KERNEL_PATHS[Math.floor(random() ** 2 * KERNEL_PATHS.length)]!;
      const depth = Math.max(3, Math.ceil(kernel.length * Math.sqrt(random())));
      for (const name of kernel.slice(0, depth)) path.push({ name, module: KERNEL_MODULE });
    }
    const rows = path.toReversed().map(({ name, module }) => {
      return builder.frame({ function: name, module, file: "", line: 0, buildId: "", address: 0 });
    });
    builder.add("cpu", series, builder.stack(rows), NANOSECONDS, 1);
  }
  return builder.build();
}

function userPath(code: Code, random: () => number): { name: string; module: string }[] {
  const path = code.roots.map((name) => ({ name, module: name.startsWith("__libc") ? LIBC : code.module }));
  const depth = Math.ceil(code.layers.length * Math.max(0.35, 1 - random() ** 2.2));
  for (const layer of code.layers.slice(0, depth)) {
    // Each caller has few callees, and one of them takes most of its time.
    const caller = hashOf(path.at(-1)!.name);
    const [name, module = code.module] = layer[(caller + Math.floor(random() ** 3.2 * 3)) % layer.length]!
      .split("|");
    path.push({ name: name!, module });
  }
  return path;
}

function pickCode(at: number): Code | undefined {
  return CODES.find(({ share }) => (at -= share) < 0);
}

function small(at: number): string {
  return SMALL[Math.floor(at * at * SMALL.length)]!;
}

function hashOf(text: string): number {
  let hash = 0;
  for (const char of text) hash = (hash * 31 + char.charCodeAt(0)) % 65_521;
  return hash;
}

/** Returns random numbers by Mulberry32. */
export function randomOf(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ seed >>> 15, 1 | seed);
    t = (t + Math.imul(t ^ t >>> 7, 61 | t)) ^ t;
    return ((t ^ t >>> 14) >>> 0) / 2 ** 32;
  };
}
