// SPDX-License-Identifier: Apache-2.0
/**
 * A debuginfod server that is asked less often while it does not answer.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { backoffMs } from "../../common/backoff.ts";
import { Burst } from "../../common/log.ts";
import { ServerUrl } from "./download.ts";
import { BURST_MS } from "./retry_after.ts";

const logger = getLogger(["aperture", "symbols"]);

const REST = { firstMs: 1000, maxMs: 300_000 };

/** One server. */
export class DebuginfodServer {
  readonly url: ServerUrl;
  readonly #clock: () => number;
  #failures = 0;
  #restsUntil = 0;
  readonly #burst: Burst;

  /** @param clock in ms */
  constructor(url: URL, clock: () => number) {
    this.url = new ServerUrl(url);
    this.#clock = clock;
    this.#burst = new Burst(logger, { window: BURST_MS, verbose: true, clock });
  }

  /** It may be asked from this time on, in ms of the clock. */
  get restsUntil(): number {
    return this.#restsUntil;
  }

  get rests(): boolean {
    return this.#clock() < this.#restsUntil;
  }

  answered(): void {
    if (this.#failures > 0) logger.info("{server} answers again", { server: this.url.text });
    this.#failures = 0;
    this.#restsUntil = 0;
  }

  /** It gave no answer: of several requests that waited for one, the first counts. */
  silent(): void {
    if (!this.rests) this.#restsUntil = this.#clock() + backoffMs(++this.#failures, REST);
  }

  /** Says what is wrong with it, loudly once a burst. */
  trouble(buildId: string, reason: string): void {
    this.#burst.warn("answer", `Cannot get debug information of ${buildId} from ${this.url.text}: ${reason}`);
  }
}
