// SPDX-License-Identifier: Apache-2.0
/**
 * Is an alert as it is kept and told: one group of a rule, and its course.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { Course } from "./state.ts";

/** Says which agents are asked to look closer. */
export interface AlertCapture {
  readonly nodes: readonly string[];
  /** Is asked for, in samples a second and CPU. */
  readonly frequency: number;
  /** Nothing is asked from then on, in Unix ms. */
  readonly untilMs: number;
}

export interface Alert extends Course {
  readonly rule: string;
  /** Tells the groups of a rule apart. */
  readonly group: string;
  /** Holds all labels that it is told with: they are its identity elsewhere, and have no value that changes. */
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Opens the page at what was measured. */
  readonly url: string;
  readonly value: number;
  readonly samples: number;
  readonly capture?: AlertCapture;
  /** Its state is another one than before the evaluation that this is after. */
  readonly changed: boolean;
}

/** Returns what names an alert among those that are there. */
export function alertKey({ rule, group }: Pick<Alert, "rule" | "group">): string {
  return `${rule}\0${group}`;
}

/** Returns what names the change to the alert's state for ever: a receiver that is told twice knows it by this. */
export function changeId({ rule, group, state, startedMs, firedMs }: Alert): string {
  return createHash("sha256").update(JSON.stringify([rule, group, state, startedMs, firedMs])).digest("hex")
    .slice(0, 32);
}
