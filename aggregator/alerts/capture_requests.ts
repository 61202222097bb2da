// SPDX-License-Identifier: Apache-2.0
/**
 * Holds which agents are asked to look closer, for the answers to their pushes.
 *
 * @module
 */

import type { Alert } from "./alert.ts";

/** So many nodes are asked at once; an alert on a whole fleet is seen well enough by some of it. */
const MAX_NODES = 100;

/** Is what an agent is asked for: samples a second and CPU, for so many seconds from now on. */
export interface NodeCapture {
  readonly frequency: number;
  readonly seconds: number;
}

/** Knows what is asked of nodes. */
export class CaptureRequests {
  readonly #clock: () => number;
  #nodes: ReadonlyMap<string, { readonly frequency: number; readonly untilMs: number }> = new Map();
  #asked = 0;

  /** @param clock in Unix ms */
  constructor(clock: () => number = Date.now) {
    this.#clock = clock;
  }

  /** Counts the answers to pushes that asked for more. */
  get asked(): number {
    return this.#asked;
  }

  /** Returns how many nodes are asked now. */
  get nodes(): number {
    const now = this.#clock();
    return this.#nodes.values().filter(({ untilMs }) => untilMs > now).toArray().length;
  }

  /** Asks for what `alerts` ask for, and for nothing else, from now on: of two that ask one node, the most. */
  replace(alerts: readonly Alert[]): void {
    const nodes = new Map<string, { frequency: number; untilMs: number }>();
    for (const { capture } of alerts) {
      if (!capture || capture.untilMs <= this.#clock()) continue;
      for (const node of capture.nodes) {
        const known = nodes.get(node);
        if (!known && nodes.size >= MAX_NODES) continue;
        nodes.set(node, {
          frequency: Math.max(capture.frequency, known?.frequency ?? 0),
          untilMs: Math.max(capture.untilMs, known?.untilMs ?? 0),
        });
      }
    }
    this.#nodes = nodes;
  }

  /** Returns what the agent of `node` is asked for now; `undefined` for nothing. */
  of(node: string): NodeCapture | undefined {
    const found = this.#nodes.get(node);
    const seconds = found ? Math.ceil((found.untilMs - this.#clock()) / 1000) : 0;
    if (!found || seconds <= 0) return undefined;
    this.#asked++;
    return { frequency: found.frequency, seconds };
  }
}
