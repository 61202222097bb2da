/**
 * The agent's loop: once a window, what the kernel counted is drained, named and handed on.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import type { Collector, Window } from "./collectors/collector.ts";
import type { ProcessLabels } from "./metadata/labels.ts";
import { Namer } from "./naming.ts";
import type { Symboliser } from "./symbols/symboliser.ts";
import type { Unwinder } from "./unwind/unwinder.ts";
import { eventCount, type Kind, type Profile } from "../profile/model.ts";

/** A window waits at most so many ms for inlined functions and lines that were not known before. */
const MAX_SETTLE_MS = 1000;

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
}

export interface RecordOptions {
  readonly collectors: readonly Collector[];
  readonly symboliser: Symboliser;
  /** @default nothing is known of containers, pods and services */
  readonly labels?: ProcessLabels | undefined;
  /** Told of each window's end. */
  readonly unwinder?: Pick<Unwinder, "endWindow" | "onProcess"> | undefined;
  readonly windowMs: number;
  /** Of how many beats of `windowMs` the next window is; a whole number. @default {() => 1} */
  readonly beats?: (() => number) | undefined;
  /** A process that is left out, of every kind. */
  readonly excludedPid?: number | undefined;
  /** Stop after this long; without it, when `signal` aborts. */
  readonly durationMs?: number | undefined;
  readonly signal: AbortSignal;
  /** Unix milliseconds with a fraction. @default {performance.timeOrigin + performance.now()} */
  readonly clock?: () => number;
}

/**
 * Yields one recording a window until the time is over or the signal aborts, the last one shorter.
 *
 * Windows begin on a fixed beat: what naming and handing on take does not move the next one.
 */
export async function* record(options: RecordOptions): AsyncGenerator<Recording> {
  const { collectors, symboliser, labels, windowMs, durationMs = Infinity, signal, beats = () => 1 } =
    options;
  const clock = options.clock ?? (() => performance.timeOrigin + performance.now());
  symboliser.findPython();
  watchPython(options);
  using _observing = observeProcesses(options);
  // What is counted meanwhile is counted for the next window.
  const settleMs = Math.min(MAX_SETTLE_MS, windowMs / 2);
  const begin = clock();
  let start = begin;
  for (let beat = beats();; beat += beats()) {
    const due = begin + Math.min(beat * windowMs, durationMs);
    await delay(Math.max(0, due - clock()), { signal }).catch((error) => {
      if (!signal.aborted) throw error;
    });
    // Who stops the agent while it names this window wants what was counted meanwhile, too: that is one window more.
    const stopped = signal.aborted;
    const drainedAt = clock();
    // At once, so that they wait for the kernel together.
    const drained = await Promise.all(collectors.map(async (collector) => {
      return { kind: collector.kind, ...await collector.drain() };
    }));
    const end = Math.max(clock(), start + 0.001);
    const name = () => {
      const namer = new Namer({ symboliser, labels, excludedPid: options.excludedPid });
      for (const { kind, ...window } of drained) namer.add(kind, window);
      return namer.builder;
    };
    let builder = name();
    const settlingAt = clock();
    const improved = await symboliser.settle(settleMs);
    const settle = clock() - settlingAt;
    if (improved) builder = name();
    const notes = notesOf(drained);
    symboliser.endWindow();
    labels?.endWindow();
    watchPython(options);
    options.unwinder?.endWindow();
    const profile = builder.build();
    const late = Math.max(0, drainedAt - due);
    const times = { late, drain: end - drainedAt, name: clock() - end, settle };
    yield { profile, startNs: nanoseconds(start), endNs: nanoseconds(end), ...notes, times };
    if (stopped || due - begin >= durationMs) return;
    start = end;
  }
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

  /** Samples, waits and calls. */
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

function addCounts(to: Map<string, number>, counts: ReadonlyMap<string, number>): void {
  for (const [name, count] of counts) to.set(name, (to.get(name) ?? 0) + count);
}

function nanoseconds(ms: number): bigint {
  return BigInt(Math.round(ms * 1e3)) * 1000n;
}
