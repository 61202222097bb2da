// SPDX-License-Identifier: Apache-2.0
/**
 * The agent's loop: once a window, what the kernel counted is drained, named and handed on.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { ProfileBuilder } from "../profile/builder.ts";
import { eventCount, type Kind, type Profile } from "../profile/model.ts";
import { BriefProcesses } from "./brief_processes.ts";
import { type Clock, MACHINE_CLOCK, type Moment, type Stamps } from "./clock.ts";
import type { Captures } from "./capture.ts";
import type { Collector, ProgramOf, Window } from "./collectors/collector.ts";
import type { Drained } from "./drains.ts";
import { NO_LABELS, type ProcessLabels } from "./metadata/labels.ts";
import { Namer, NAMING_LOSS } from "./naming.ts";
import { Slices } from "./slices.ts";
import type { Symboliser } from "./symbols/symboliser.ts";
import type { Unwinder } from "./unwind/unwinder.ts";
import { addCounts } from "./window_sum.ts";
import { Windows } from "./windows.ts";

const logger = getLogger(["aperture", "agent"]);

/** A window waits at most so many ms for inlined functions and lines that were not known before. */
const MAX_SETTLE_MS = 1000;
/** When a run is over, what it counted is named with what is read in so many ms; else a file could keep who waits. */
const LAST_MS = 1000;
/** After so many windows in a row that could not be named there is no use in going on. */
const MAX_FAILED_WINDOWS = 3;

/** A window says this of itself beside what it counted. */
export interface Notes {
  readonly losses: ReadonlyMap<string, number>;
  /** The number of walks along user stacks by how they ended, see {@linkcode Window.stackEnds}. */
  readonly stackEnds: ReadonlyMap<string, number>;
}

/** The steps of a window took so long, in ms. */
export interface WindowTimes {
  /** The time from when it was due until it was drained. */
  readonly late: number;
  readonly drain: number;
  /** All that came after the drain. */
  readonly name: number;
  /** The part of `name` that was spent on waiting for inlined functions and lines. */
  readonly settle: number;
}

/** One window, named. */
export interface Recording extends Notes {
  readonly profile: Profile;
  readonly startNs: bigint;
  readonly endNs: bigint;
  /** The losses and stack ends of each kind, which are summed above. */
  readonly kinds: ReadonlyMap<Kind, Notes>;
  readonly times: WindowTimes;
  /** Counts how often maps were emptied before the window's end, as they filled. */
  readonly early: number;
}

export interface RecordOptions {
  readonly collectors: readonly Collector[];
  readonly symboliser: Symboliser;
  /** @default nothing is known of containers, pods and services */
  readonly labels?: ProcessLabels | undefined;
  /** It is told of each window's end. */
  readonly unwinder?: Pick<Unwinder, "endWindow" | "onProcess"> | undefined;
  readonly windowMs: number;
  /** Returns the beats of `windowMs` that the next window has; a whole number. @default {() => 1} */
  readonly beats?: (() => number) | undefined;
  /** Says at which frequency to sample; windows of another one than usual have all labels, and one that says it. */
  readonly captures?: Pick<Captures, "frequency" | "stats"> | undefined;
  /** A process that is left out, of every kind. */
  readonly excludedPid?: number | undefined;
  /** It is called when a window is drained, before it is named. */
  readonly onDrained?: (() => void) | undefined;
  /** It stops after this long; without it, when `signal` aborts. */
  readonly durationMs?: number | undefined;
  readonly signal: AbortSignal;
  /** @default {MACHINE_CLOCK} */
  readonly clock?: Clock;
  /** The collectors count since then: when they were drained last. @default {now} */
  readonly begun?: Moment | undefined;
  /** Knows which processes there are. @default {those of /proc} */
  readonly processes?: BriefProcesses;
}

/**
 * Yields one recording a window until the time is over or the signal aborts, the last one shorter.
 *
 * Windows begin on a fixed beat: what naming and handing on take does not move the next one, nor the end. A window that
 * cannot be named is yielded without rows, its events among its losses.
 *
 * @throws {Error} when window after window fails
 */
export async function* record(options: RecordOptions): AsyncGenerator<Recording> {
  const { collectors, symboliser, labels, durationMs = Infinity } = options;
  const { clock = MACHINE_CLOCK, processes = new BriefProcesses(), beats = () => 1 } = options;
  symboliser.findPython();
  watchPython(options);
  using _observing = observeProcesses(options);
  using windows = new Windows({
    ...{ ...options, collectors, processes, clock, beats, durationMs },
    group: (process) => groupOf(process, options),
    onEnd: () => symboliser.endReadingIn(LAST_MS),
  });
  let failed = 0;
  // What was drained is not kept while its profile is handed on: on a busy machine it is tens of megabytes.
  const nameNext = async () => {
    const { drained, captured, ...taken } = await windows.next();
    const begun = clock.monotonic();
    sayStep(taken.stamped);
    options.onDrained?.();
    if (labels) labels.all = captured !== undefined;
    const named = await nameWindow(drained, { ...options, captured }).then((named) => {
      failed = 0;
      return named;
    }, (error) => {
      if (++failed >= MAX_FAILED_WINDOWS) throw error;
      logger.error("Cannot name a window, whose events are lost: {error}", { error });
      return loseWindow(drained);
    });
    drained.release();
    const { early } = drained;
    return { ...taken, ...named, ...notesOf(drained.windows), early, name: clock.monotonic() - begun };
  };
  while (true) {
    const { profile, stamped, losses, stackEnds, kinds, early, isLast, ...times } = await nameNext();
    symboliser.endWindow();
    labels?.endWindow();
    watchPython(options);
    options.unwinder?.endWindow();
    yield {
      ...{ profile, startNs: nanoseconds(stamped.start), endNs: nanoseconds(stamped.end) },
      ...{ losses, stackEnds, kinds, times, early },
    };
    if (isLast) return;
  }
}

interface NamedWindow {
  readonly profile: Profile;
  /** See {@linkcode WindowTimes}. */
  readonly settle: number;
}

async function nameWindow(
  { windows, brief }: Drained,
  options: RecordOptions & { readonly captured: number | undefined },
): Promise<NamedWindow> {
  const { symboliser, labels, excludedPid, windowMs, clock = MACHINE_CLOCK, captured } = options;
  const slices = new Slices();
  const namer = new Namer({ symboliser, labels, excludedPid, brief, captured, slices });
  for (const window of windows) await namer.prepare(window);
  const settlingAt = clock.monotonic();
  // What is counted meanwhile is counted for the next window.
  await symboliser.settle(Math.min(MAX_SETTLE_MS, windowMs / 2));
  const settle = clock.monotonic() - settlingAt;
  for (const { kind, ...window } of windows) await namer.add(kind, window);
  return { profile: await slices.do(namer.builder.building()), settle };
}

/** Returns a window without rows: what it counted is among its losses. */
function loseWindow({ windows }: Drained): NamedWindow {
  for (const { samples, locks, syscalls, losses } of windows) {
    const waits = locks.filter(({ outcome }) => outcome !== "open");
    const calls = [...syscalls];
    const all = [calls.length > 0 ? calls : samples, waits].flat();
    const events = all.reduce((sum, { count }) => sum + count, 0);
    addCounts(losses, new Map([[NAMING_LOSS, events]]));
  }
  return { profile: new ProfileBuilder().build(), settle: 0 };
}

function sayStep({ stepMs }: Stamps): void {
  if (stepMs === undefined) return;
  logger.warn("This machine's clock was set {direction} by {seconds} s: times follow it from here on", {
    direction: stepMs > 0 ? "forward" : "back",
    seconds: Math.round(Math.abs(stepMs) / 1000),
  });
}

/** Returns what the series of a process that has ended is told by, but for its id and the thread's name. */
function groupOf({ pid, program }: ProgramOf, { symboliser, labels }: RecordOptions): string {
  const process = symboliser.endedProcess(pid, program);
  if (process === undefined) return "";
  const { container, pod, namespace, service, labels: others } = labels?.ofEnded(process) ?? NO_LABELS;
  return [process.exe, process.name, container, pod, namespace, service, others].join("\0");
}

/** Takes in what of processes is only there while they run, until the result is disposed of. */
function observeProcesses(options: RecordOptions): Disposable {
  const { symboliser, labels, unwinder } = options;
  if (unwinder) {
    unwinder.onProcess = (pid) => {
      const observed = symboliser.observe(pid);
      if (observed) labels?.observe(observed.process);
      if (observed?.python) watchPython(options);
    };
  }
  return {
    [Symbol.dispose]() {
      if (unwinder) unwinder.onProcess = undefined;
    },
  };
}

/** Has the kernel read the frames of what was found of Python from here on. */
function watchPython({ collectors, symboliser }: RecordOptions): void {
  const interpreters = symboliser.pythonInterpreters();
  for (const collector of collectors) collector.watchPython?.(interpreters);
}

/** Returns what each kind says of itself, and the sums. */
function notesOf(
  drained: readonly (Window & { readonly kind: Kind })[],
): Pick<Recording, keyof Notes | "kinds"> {
  const kinds = new Map<Kind, Notes>();
  const losses = new Map<string, number>();
  const stackEnds = new Map<string, number>();
  for (const { kind, losses: lost, stackEnds: ends = new Map() } of drained) {
    kinds.set(kind, { losses: lost, stackEnds: ends });
    addCounts(losses, lost);
    addCounts(stackEnds, ends);
  }
  return { losses, stackEnds, kinds };
}

/** Sums what a run recorded over its windows. */
export class Summary {
  readonly #kinds = new Map<Kind, { losses: Map<string, number>; stackEnds: Map<string, number> }>();
  #events = 0;
  #windows = 0;

  /** Returns how many samples, waits and calls there were. */
  get events(): number {
    return this.#events;
  }

  get windows(): number {
    return this.#windows;
  }

  /** Returns the notes of one kind. */
  notes(kind: Kind): Notes {
    return this.#kinds.get(kind) ?? { losses: new Map(), stackEnds: new Map() };
  }

  add({ profile, kinds }: Recording): void {
    this.#events += eventCount(profile);
    this.#windows++;
    for (const [kind, { losses, stackEnds }] of kinds) {
      let sums = this.#kinds.get(kind);
      if (!sums) this.#kinds.set(kind, sums = { losses: new Map(), stackEnds: new Map() });
      addCounts(sums.losses, losses);
      addCounts(sums.stackEnds, stackEnds);
    }
  }
}

function nanoseconds(ms: number): bigint {
  return BigInt(Math.round(ms * 1e3)) * 1000n;
}
