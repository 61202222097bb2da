// SPDX-License-Identifier: Apache-2.0
/**
 * The user stacks of a program that runs, as the agent names them.
 *
 * @module
 */

import { assert } from "@std/assert";
import { delay } from "@std/async/delay";
import { CpuCollector } from "../../agent/collectors/cpu.ts";
import { Symboliser } from "../../agent/symbols/symboliser.ts";
import { Unwinder } from "../../agent/unwind/unwinder.ts";
import { build } from "../../tasks/build.ts";
import { PATIENCE_MS } from "./until.ts";

/** Samples that are asked for. */
export const SAMPLES = 200;

export interface Watched {
  /** The thread's entry is first, `;` between functions, with how many samples had it. */
  readonly stacks: ReadonlyMap<string, number>;
  readonly count: number;
  /** Counts how walks ended. */
  readonly ends: ReadonlyMap<string, number>;
}

/** Returns the stacks of a program once all of it is known: user functions, with their arguments' types left out. */
export async function watch(
  pid: number,
  { atLeastMs = 0, wanted = [], python = false }: {
    /** Goes on so long, however many samples there are, in ms. @default {0} */
    atLeastMs?: number;
    /** Goes on until so many samples match each of these. @default {[]} */
    wanted?: readonly { readonly stack: RegExp; readonly samples: number }[];
    /** Includes the functions that Python runs. @default {false} */
    python?: boolean;
  } = {},
): Promise<Watched> {
  await build("bpf");
  await using unwinder = Unwinder.open();
  using collector = CpuCollector.open({ unwinder, freq: 997, pid });
  await using symboliser = Symboliser.open({ unwinder });
  if (python) {
    symboliser.observe(pid);
    collector.watchPython(symboliser.pythonInterpreters());
  }
  // The first samples miss what is loaded then.
  await settled(collector, unwinder);
  const stacks = new Map<string, number>();
  const ends = new Map<string, number>();
  let count = 0;
  const begin = performance.now();
  const until = begin + PATIENCE_MS;
  const isWanting = () =>
    wanted.some(({ stack, samples }) => {
      return [...stacks].reduce((sum, [text, n]) => sum + (stack.test(text) ? n : 0), 0) < samples;
    });
  while (count < SAMPLES || performance.now() - begin < atLeastMs || isWanting()) {
    assert(
      performance.now() < until,
      `only ${count} samples in five minutes, or not of all that is wanted`,
    );
    await delay(100);
    const window = await collector.drain();
    // A program that had no CPU for some of these short windows would be forgotten.
    if (window.samples.length > 0) unwinder.endWindow();
    for (const sample of window.samples) {
      const names = symboliser.stack({ ...sample, kernel: [] }).map((frame) => plainName(frame.function));
      const stack = names.reverse().join(";");
      stacks.set(stack, (stacks.get(stack) ?? 0) + sample.count);
      count += sample.count;
    }
    for (const [end, n] of window.stackEnds ?? []) ends.set(end, (ends.get(end) ?? 0) + n);
    symboliser.endWindow();
  }
  return { stacks, count, ends };
}

/** So many walks in a row that miss nothing tell that what the program runs is loaded: a drain may have but few. */
const QUIET_WALKS = 100;

/** Waits until some drains, and enough walks in them, have only stacks that missed nothing. */
export async function settled(collector: CpuCollector, unwinder: Unwinder): Promise<void> {
  const until = performance.now() + PATIENCE_MS;
  for (let [drains, walks] = [0, 0]; drains < 3 || walks < QUIET_WALKS;) {
    assert(performance.now() < until, `still loading after five minutes: ${Deno.inspect(unwinder.stats)}`);
    await delay(100);
    const { stackEnds = new Map<string, number>() } = await collector.drain();
    await unwinder.settle();
    if (stackEnds.size === 0) continue;
    if (stackEnds.has("no_process") || stackEnds.has("no_page")) [drains, walks] = [0, 0];
    else {
      drains++;
      walks += stackEnds.values().reduce((sum, count) => sum + count, 0);
    }
  }
}

/** Returns the name without the types of arguments, and what else compilers add to a name. */
export function plainName(name: string): string {
  return name.replace(/@@?GLIBC.*$/, "").replace(/\(.*\)( const)?$/, "").replace(
    /\.(constprop|isra|part|cold)\.\d+$/,
    "",
  )
    .replace(/::h[0-9a-f]{16}$/, "");
}

/** Asserts that of 100 stacks at least 99 are whole and match `expected`; but for a runtime's own threads. */
export function assertChain(watched: Watched, expected: RegExp): void {
  assertWhole(watched);
  let [right, all] = [0, 0];
  for (const [stack, count] of watched.stacks) {
    if (RUNTIME_THREAD.test(stack)) continue;
    all += count;
    if (expected.test(stack)) right += count;
  }
  assert(all >= SAMPLES / 2 && right >= all * 0.99, `${right} of ${all} match ${expected}: ${most(watched)}`);
}

export function assertWhole(watched: Watched): void {
  const all = watched.ends.values().reduce((sum, n) => sum + n, 0);
  const whole = watched.ends.get("complete") ?? 0;
  assert(whole >= all * 0.99, `${Deno.inspect(watched.ends)}: ${most(watched)}`);
}

export function most({ stacks }: Watched): string {
  return Deno.inspect([...stacks].sort(([, a], [, b]) => b - a).slice(0, 5), { strAbbreviateSize: 4000 });
}

/** Go's, such as the monitor, which on a busy machine runs often. */
const RUNTIME_THREAD = /^(runtime\.clone(\.abi0)?;)?runtime\.mstart/;
