// SPDX-License-Identifier: Apache-2.0
/**
 * Says that the aggregator takes what is pushed, or what answers in its place.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import type { Pusher } from "./push/pusher.ts";

const logger = getLogger(["aperture", "push"]);

const POLL_MS = 250;
const ASK_MS = 5000;

/** Says when the first batch was delivered; where pushing fails first, asks whether it is HTTP that answers there. */
export function sayDelivered(pusher: Pick<Pusher, "stats">, url: URL): Disposable {
  const stop = new AbortController();
  let asked = false;
  const timer = setInterval(() => {
    const { pushed, failures } = pusher.stats();
    if (pushed > 0) {
      clearInterval(timer);
      logger.info("Delivered the first batch to {url}", { url: url.href });
    } else if (failures > 0 && !asked) {
      asked = true;
      void sayHttp(url, stop.signal);
    }
  }, POLL_MS);
  return {
    [Symbol.dispose]() {
      clearInterval(timer);
      stop.abort();
    },
  };
}

/** The aggregator has two ports, and that of its page is the one that people know. */
async function sayHttp(url: URL, signal: AbortSignal): Promise<void> {
  const ask = AbortSignal.any([signal, AbortSignal.timeout(ASK_MS)]);
  try {
    const response = await fetch(new URL("/healthz", url), { signal: ask, redirect: "manual" });
    await response.body?.cancel();
    logger.error(
      "{url} answers HTTP, not gRPC: give the aggregator's other port (APERTURE_AGGREGATOR_LISTEN, 50051 by default)",
      { url: url.href },
    );
  } catch {
    // A gRPC server does not understand the question, and what is not there does not answer.
  }
}
