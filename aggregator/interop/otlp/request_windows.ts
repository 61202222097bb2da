// SPDX-License-Identifier: Apache-2.0
/**
 * Finds where in the windows what of a request is, which is told once of each window: a request has many samples of few
 * stacks.
 *
 * @module
 */

import type { ProfileBuilder } from "../../../profile/builder.ts";
import type { Frame } from "../../../profile/model.ts";
import type { Origin } from "../intake/series.ts";
import { BUCKET_NS, type Windows } from "../intake/windows.ts";
import type { OtlpFrames } from "./frames.ts";

/** Holds which rows of a window the stacks and origins of a request are. */
class RequestWindow {
  readonly builder: ProfileBuilder;
  readonly #frames: OtlpFrames;
  readonly #frameRows = new Map<Frame, number>();
  readonly #stackRows = new Map<number, number>();
  readonly #seriesRows = new Map<Origin, number>();

  constructor(builder: ProfileBuilder, frames: OtlpFrames) {
    this.builder = builder;
    this.#frames = frames;
  }

  series(origin: Origin): number {
    let row = this.#seriesRows.get(origin);
    if (row === undefined) this.#seriesRows.set(origin, row = this.builder.series(origin.series));
    return row;
  }

  /** @param stack is its index in the request */
  stack(stack: number): number {
    let row = this.#stackRows.get(stack);
    if (row === undefined) {
      row = this.builder.stack(this.#frames.of(stack).map((frame) => this.#frame(frame)));
      this.#stackRows.set(stack, row);
    }
    return row;
  }

  #frame(frame: Frame): number {
    let row = this.#frameRows.get(frame);
    if (row === undefined) this.#frameRows.set(frame, row = this.builder.frame(frame));
    return row;
  }
}

/** Holds the windows that a request has samples in. */
export class RequestWindows {
  readonly #windows: Windows;
  readonly #frames: OtlpFrames;
  readonly #known = new Map<ProfileBuilder, RequestWindow>();
  #last: { readonly node: string; readonly startNs: bigint; readonly window: RequestWindow } | undefined;

  constructor(windows: Windows, frames: OtlpFrames) {
    this.#windows = windows;
    this.#frames = frames;
  }

  /** Returns the window of what `node` measured at `timeNs`, Unix ns. @throws {ForeignError} as {@linkcode Windows.at} */
  at(node: string, timeNs: bigint): RequestWindow {
    const last = this.#last;
    if (last?.node === node && timeNs >= last.startNs && timeNs < last.startNs + BUCKET_NS) {
      return last.window;
    }
    const builder = this.#windows.at(node, timeNs);
    let window = this.#known.get(builder);
    if (!window) this.#known.set(builder, window = new RequestWindow(builder, this.#frames));
    this.#last = { node, startNs: timeNs / BUCKET_NS * BUCKET_NS, window };
    return window;
  }
}
