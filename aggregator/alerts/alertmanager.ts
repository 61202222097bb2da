// SPDX-License-Identifier: Apache-2.0
/**
 * Writes what Alertmanager takes (API v2).
 *
 * Alertmanager forgets an alert that nobody sends: all are sent again, with an end a while ahead. One that has resolved is
 * sent with the end that it had, for some minutes, should it have been away.
 *
 * @module
 */

import type { Alert } from "./alert.ts";

/** Alerts are sent again after so long, in ms. */
export const RESEND_MS = 60_000;
/** Three may be missed. */
const END_MS = 4 * RESEND_MS;
/** One that has resolved is sent for so long, in ms. */
const RESOLVED_MS = 5 * RESEND_MS;

/** Returns whether an alert that changed at `at` is one that has resolved and is still told of at `now` (Unix ms). */
export function isTold({ state }: Pick<Alert, "state">, { at, now }: { at: number; now: number }): boolean {
  return state === "resolved" && now - at < RESOLVED_MS;
}

/** Returns the body of `POST /api/v2/alerts` at `now`, Unix ms. */
export function alertmanagerBody(alerts: readonly Alert[], now: number): unknown {
  const time = (ms: number) => new Date(ms).toISOString();
  return alerts.map(({ labels, annotations, url, state, firedMs, seenMs }) => ({
    labels,
    annotations,
    generatorURL: url,
    startsAt: time(firedMs),
    endsAt: time(state === "firing" ? now + END_MS : Math.max(seenMs, firedMs)),
  }));
}
