/**
 * What every collector is: it counts in the kernel and is drained once a window.
 *
 * @module
 */

import type { Kind } from "../../profile/model.ts";

/** A thread and where it was, its stack not yet symbolised. */
export interface RawPlace {
  /** In the pid namespace of the agent. */
  readonly pid: number;
  /** The thread's name. */
  readonly comm: string;
  /** User addresses, leaf first. */
  readonly user: readonly number[];
  /** The low 48 bits of kernel addresses, leaf first: the 16 above them are ones, and a number holds 53. */
  readonly kernel: readonly number[];
}

/** One row that the kernel counted. */
export interface RawSample extends RawPlace {
  /** Nanoseconds. */
  readonly value: number;
  readonly count: number;
}

/** What was counted between two drains. */
export interface Window {
  readonly samples: readonly RawSample[];
  /** What could not be counted, by reason: the names of `enum aperture_loss` in `bpf/aperture.h`. */
  readonly losses: ReadonlyMap<string, number>;
}

export interface Collector extends Disposable {
  readonly kind: Kind;
  /** Takes what was counted since the last call; nothing is counted twice or lost between two calls. */
  drain(): Window;
}
