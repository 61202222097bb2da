// SPDX-License-Identifier: Apache-2.0
/**
 * Named stacks of a program that runs, as the agent samples them.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import { CpuCollector } from "../../agent/collectors/cpu.ts";
import { Symboliser } from "../../agent/symbols/symboliser.ts";
import { Unwinder } from "../../agent/unwind/unwinder.ts";
import type { Frame } from "../../profile/model.ts";
import { build } from "../../tasks/build.ts";
import { RunningProgram } from "./programs.ts";

export interface SampledStack {
  /** They are leaf first. */
  readonly frames: readonly Frame[];
  readonly count: number;
}

/**
 * Windows and samples that are not kept: what is compiled meanwhile is in maps by then, and what samples missed is loaded.
 * On a busy machine a program does not get far in two windows.
 */
const WARM_UP = { windows: 2, samples: 500 } as const;
const SAMPLES = 800;

/** Runs a program and samples it. */
export async function sampleProgram(
  command: string,
  args: readonly string[],
  { samples = SAMPLES, warm = () => Promise.resolve() }: {
    /** At least so many are taken. @default {800} */
    samples?: number;
    /** Is done with the program before samples are kept. */
    warm?: (program: RunningProgram) => Promise<void>;
  } = {},
): Promise<SampledStack[]> {
  await build("bpf");
  await using program = await RunningProgram.start(command, args);
  await using unwinder = Unwinder.open();
  await using symboliser = Symboliser.open({ coldMs: 60_000, unwinder });
  using collector = CpuCollector.open({ freq: 499, pid: program.pid, unwinder });
  const sampled = async () => {
    await delay(500);
    await unwinder.settle();
    return (await collector.drain()).samples;
  };
  const endWindow = () => {
    symboliser.endWindow();
    unwinder.endWindow();
  };
  for (let windows = 0, count = 0; windows < WARM_UP.windows || count < WARM_UP.samples; windows++) {
    count += countOf(await sampled());
    endWindow();
  }
  await warm(program);
  await collector.drain();
  const stacks: SampledStack[] = [];
  while (countOf(stacks) < samples) {
    for (const raw of await sampled()) stacks.push({ frames: symboliser.stack(raw), count: raw.count });
    endWindow();
  }
  return stacks;
}

export function countOf(stacks: readonly Pick<SampledStack, "count">[]): number {
  return stacks.reduce((sum, { count }) => sum + count, 0);
}

/** Returns whether these are in the stack, leaf first, other frames between them or not. */
export function passes({ frames }: SampledStack, names: readonly string[]): boolean {
  let next = 0;
  for (const { function: name } of frames) if (name === names[next]) next++;
  return next === names.length;
}
