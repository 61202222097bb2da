// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Says what is wrong, since when, and what helps: the aggregator is gone, storage fails, much was lost.
 *
 * @module
 */

import type { QualityJson } from "../../http/answers.ts";
import { clock, type Zone } from "../state/range.ts";
import { Changes } from "./changes.ts";
import { h } from "./dom.ts";
import { formatShare } from "./format.ts";
import { seriousLoss } from "./losses.ts";

/** Is what GET /api/health answers, as far as it is shown. */
interface HealthJson {
  readonly problems: readonly { readonly part: string; readonly message: string }[];
  readonly storage: { readonly failing_since: string | null; readonly failing_error: string | null };
  readonly buffer: { readonly batches: number; readonly capacity_batches: number };
}

const EVERY_MS = 15_000;
const RETRY_MS = 5000;
/** So much lost is said. */
const LEAST_LOSS = 0.01;

export interface BannerOptions {
  readonly zone: () => Zone;
  /** Is told whether something is wrong, and when the aggregator is back. */
  readonly onchange: (wrong: boolean) => void;
  readonly onback: () => void;
}

export class Banner {
  readonly root = h("div", { class: "banners", role: "status", "aria-live": "polite" });
  readonly #options: BannerOptions;
  #gone: number | undefined;
  #health: HealthJson | undefined;
  /** Is since when it is known that something is wrong, where it is. */
  #since: number | undefined;
  #loss: string | undefined;
  readonly #changes = new Changes();
  #timer = 0;

  constructor(options: BannerOptions) {
    this.#options = options;
    void this.#poll();
    document.addEventListener("visibilitychange", () => !document.hidden && void this.#poll());
  }

  /** Takes whether a question was answered. */
  reached(error?: Error): void {
    const was = this.#gone;
    this.#gone = error ? was ?? Date.now() : undefined;
    if ((was === undefined) === (this.#gone === undefined)) return;
    this.#draw();
    if (was === undefined) this.#schedule(RETRY_MS);
    else this.#options.onback();
  }

  /** Takes what an answer says of itself. */
  quality({ losses }: QualityJson, counted: number): void {
    const loss = seriousLoss(losses, { counted, least: LEAST_LOSS });
    this.#loss = loss &&
      `${formatShare(loss.share, 1)} of what happened in this time was not counted: ${loss.text}.${
        loss.cure === "" ? "" : ` ${loss.cure[0]!.toUpperCase()}${loss.cure.slice(1)}.`
      }`;
    this.#draw();
  }

  async #poll(): Promise<void> {
    clearTimeout(this.#timer);
    if (document.hidden) return;
    try {
      const response = await fetch("/api/health", { signal: AbortSignal.timeout(10_000) });
      if (response.ok) {
        this.#health = await response.json() as HealthJson;
        this.#since = this.#health.problems.length > 0 ? this.#since ?? Date.now() : undefined;
      }
      this.reached();
    } catch (error) {
      this.reached(error as Error);
    }
    this.#draw();
    this.#schedule(this.#gone === undefined ? EVERY_MS : RETRY_MS);
  }

  #schedule(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = Number(setTimeout(() => void this.#poll(), ms));
  }

  #draw(): void {
    const zone = this.#options.zone();
    const at = (ms: number) => clock(ms, { zone, near: Date.now(), seconds: true });
    const lines: [kind: "bad" | "warn", text: string][] = [];
    const line = (...line: typeof lines[number]) => lines.push(line);
    if (this.#gone !== undefined) {
      line(
        "bad",
        `The aggregator does not answer since ${
          at(this.#gone)
        }. What is shown is of before; asking again every ${RETRY_MS / 1000} s. Is it running?`,
      );
    } else if (this.#health) {
      const { storage: { failing_since, failing_error }, buffer, problems } = this.#health;
      for (const { part, message } of problems) {
        const isFailing = part === "storage" && failing_since !== null;
        const [name, hint] = part === "buffer"
          ? ["The staging buffer", ""]
          : ["Storage", " Is ClickHouse running?"];
        line(
          "bad",
          `${name} has failed since ${at(isFailing ? Date.parse(failing_since) : this.#since!)}: ${
            isFailing ? failing_error : message
          }. ${buffer.batches} batches wait, ${buffer.capacity_batches} fit.${hint}`,
        );
      }
    }
    if (this.#loss !== undefined) line("warn", this.#loss);
    if (!this.#changes.of(...lines.flat())) return;
    this.root.replaceChildren(...lines.map(([kind, text]) => h("p", { class: `banner ${kind}` }, text)));
    this.#options.onchange(lines.some(([kind]) => kind === "bad"));
  }
}
