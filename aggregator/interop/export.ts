// SPDX-License-Identifier: Apache-2.0
/**
 * Reads what is asked for as a file: its time and its selection, as parameters.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import { HttpError } from "../http/errors.ts";
import { parseTime, TIME_FORMS } from "../http/time.ts";
import { LABELS } from "../../profile/labels.ts";
import { type Matcher, SERVICE_NAME } from "../query/matchers.ts";
import { ConnectError } from "./connect/error.ts";
import { readSelectors } from "./querier/conditions.ts";
import type { Span } from "./querier/source.ts";

const BUCKET_MS = 10_000;
/** Agents send what they counted every ten seconds, and it takes a moment: what is younger is not whole. */
const WHOLE_MS = 15_000;
const MAX_SECONDS = 31 * 24 * 3600;

/**
 * Reads `seconds`, the last ones of which all is there, or `from` and `to`.
 *
 * @param now Unix ms
 * @param byDefault in seconds
 * @throws {HttpError} 400
 */
export function spanParams(params: URLSearchParams, now: number, byDefault: number): Span {
  const time = (name: "from" | "to") => {
    const text = params.get(name);
    if (text === null) return undefined;
    const time = parseTime(text, now);
    if (time === undefined) {
      throw bad(`Cannot parse parameter '${name}' as it is not ${TIME_FORMS}: current value is "${text}"`);
    }
    return time;
  };
  const text = params.get("seconds") ?? String(byDefault);
  const seconds = /^\d{1,8}$/.test(text) ? Number(text) : 0;
  if (seconds < 1 || seconds > MAX_SECONDS) {
    throw bad(
      `Cannot parse parameter 'seconds' as it is not a number from 1 to ${MAX_SECONDS}: current value is "${text}"`,
    );
  }
  const [from, to] = [time("from"), time("to")];
  const end = to ?? (from === undefined ? Math.floor((now - WHOLE_MS) / BUCKET_MS) * BUCKET_MS : now);
  const span = { from: from ?? end - Math.ceil(seconds / 10) * BUCKET_MS, to: end };
  if (span.from >= span.to) throw bad("Cannot select as 'from' is not before 'to'");
  return span;
}

/** Reads a selector (`match`), and labels by their names: `service=cart`. @throws {HttpError} 400 */
export function matchersParams(params: URLSearchParams): Matcher[] {
  const named = ([...LABELS, SERVICE_NAME] as const).flatMap((label) =>
    params.getAll(label).map((value): Matcher => ({ label, operator: "=", value }))
  );
  try {
    return [...named, ...readSelectors(params.getAll("match").map(braced)).matchers];
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    throw bad(`Cannot take 'match': ${error.message}`);
  }
}

/** People leave the braces out, as the page does. */
function braced(text: string): string {
  const trimmed = text.trim();
  return trimmed === "" || trimmed.startsWith("{") ? trimmed : `{${trimmed}}`;
}

function bad(message: string): HttpError {
  return new HttpError(STATUS_CODE.BadRequest, message);
}
