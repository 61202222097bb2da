/**
 * The flame graph of a profile, as columns: what the SVG and the page draw.
 *
 * @module
 */

/**
 * One level of boxes, from left to right. Box `i` begins at `start[i]` and is `width[i]` wide, both in the
 * graph's unit; `self[i]` of it is not covered by boxes of the next level.
 */
export interface FlameLevel {
  readonly start: number[];
  readonly width: number[];
  readonly self: number[];
  /** Rows of `names`. */
  readonly name: number[];
}

/** Level 0 is one box, the whole; then the threads' names, then frames from the root to the leaf. */
export interface FlameGraph {
  readonly unit: "nanoseconds" | "count";
  readonly total: number;
  /** `function` or thread name, and the module ("" for threads' names, the whole, and `other`). */
  readonly names: readonly string[];
  readonly modules: readonly string[];
  readonly levels: readonly FlameLevel[];
}

/** The name of the box that holds what is too small, or was cut, to be shown. */
export const OTHER = "other";
