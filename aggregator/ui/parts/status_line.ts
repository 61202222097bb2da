// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Is the line below every view: how much the last answer is about, how far it can be trusted, and what it took.
 *
 * @module
 */

import { splitLosses } from "../../../profile/losses.ts";
import { isProfileType } from "../../../profile/profile_type.ts";
import type { AnswerJson, QualityJson } from "../../http/answers.ts";
import { clock, type Zone } from "../state/range.ts";
import { h } from "./dom.ts";
import { formatCount, formatShare } from "./format.ts";

const WORDS: Readonly<Record<string, string>> = { cpu: "samples", lock: "waits", syscall: "calls" };

export interface StatusOptions {
  readonly zone: () => Zone;
  /** Is told what an answer says of its losses, and of how many events of all kinds. */
  readonly onquality: (quality: QualityJson, counted: number) => void;
}

/** Says the last of what was noted in one turn: several parts note their answers when all is drawn again. */
export class StatusLine {
  readonly root = h("footer", { class: "status", "aria-label": "State of the answers" });
  readonly #options: StatusOptions;
  #noted: { readonly answer: AnswerJson; readonly kind: string; readonly counted: number } | undefined;
  /** Counts the events of all kinds in the time that is shown, as losses are of all kinds. */
  #all: number | undefined;
  #isDue = false;

  constructor(options: StatusOptions) {
    this.#options = options;
  }

  /** Takes an answer, of `counted` events of a kind. */
  note(answer: AnswerJson, kind: string, counted: number): void {
    this.#noted = { answer, kind, counted };
    this.#writeSoon();
  }

  /** Takes how many events of all kinds agents counted in the time that is shown. */
  countedAll(events: number): void {
    this.#all = events;
    this.#writeSoon();
  }

  #writeSoon(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    queueMicrotask(() => {
      this.#isDue = false;
      this.#write();
    });
  }

  #write(): void {
    if (!this.#noted) return;
    const { answer: { cost, quality, selection }, kind, counted } = this.#noted;
    const all = this.#all;
    const { lost, incomplete } = splitLosses(new Map(Object.entries(quality.losses)));
    const sum = (counts: ReadonlyMap<string, number>) => counts.values().reduce((a, b) => a + b, 0);
    if (all !== undefined) this.#options.onquality(quality, all);
    const until = clock(Date.parse(selection.to), {
      zone: this.#options.zone(),
      near: Date.now(),
      seconds: true,
    });
    const text = [
      `${formatCount(counted)} ${WORDS[kind] ?? "samples"}`,
      ...(isProfileType(kind) ? [] : [
        // Of how many is told by another answer, which may come later.
        lost.size > 0
          ? `${all === undefined ? formatCount(sum(lost)) : formatShare(sum(lost), all + sum(lost))} lost`
          : "nothing lost",
        incomplete.size > 0 ? `${formatCount(sum(incomplete))} incomplete on all nodes` : "",
      ]),
      quality.staged > 0
        ? `${quality.staged} ${quality.staged === 1 ? "batch" : "batches"} not yet in storage`
        : "",
      `${formatCount(cost.rows_read)} rows in ${formatCount(cost.elapsed_ms)} ms`,
      `until ${until}`,
    ].filter(Boolean).join(" · ");
    if (this.root.textContent !== text) this.root.textContent = text;
  }
}
