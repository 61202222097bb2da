// SPDX-License-Identifier: Apache-2.0
/**
 * Collects what is logged, for tests of that.
 *
 * @module
 */

import { configure, type LogRecord, reset } from "@logtape/logtape";

/** Collects the records of category `aperture` until it is disposed; one at a time. */
export async function collectLogs(): Promise<AsyncDisposable & { readonly lines: string[] }> {
  const lines: string[] = [];
  const sink = ({ level, message }: LogRecord) => void lines.push(`${level}: ${message.join("")}`);
  await configure({
    reset: true,
    sinks: { lines: sink },
    loggers: [
      { category: "aperture", lowestLevel: "debug", sinks: ["lines"] },
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["lines"] },
    ],
  });
  return { lines, [Symbol.asyncDispose]: reset };
}
