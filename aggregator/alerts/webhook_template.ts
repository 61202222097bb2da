// SPDX-License-Identifier: Apache-2.0
/**
 * Makes what a webhook is sent of a template: JSON in whose texts `{{NAME}}` stands for what is known of the alert.
 *
 * A name is put in as the inside of a JSON text, so that no value can end the text that it is in.
 *
 * @module
 */

import { type Alert, changeId } from "./alert.ts";

const NAMES = ["id", "status", "rule", "url", "starts_at", "ends_at", "value", "samples"] as const;
const PLACE = /\{\{\s*([^{}]*?)\s*\}\}/g;
const PAIR = /^(labels|annotations)\.([a-zA-Z_][a-zA-Z0-9_]*)$/;

/** Writes what a webhook is sent. */
export interface WebhookTemplate {
  render(alert: Alert, id: string): string;
}

/** Is all that is known, as an object. */
export const DEFAULT_TEMPLATE: WebhookTemplate = {
  render: (alert, id) =>
    JSON.stringify({
      version: "1",
      ...Object.fromEntries(NAMES.map((name) => [name, valueOf(alert, name, id)])),
      labels: alert.labels,
      annotations: alert.annotations,
    }),
};

const SAMPLE: Alert = {
  ...{ rule: "a", group: "", state: "firing", labels: {}, annotations: {}, url: "", value: 1, samples: 1 },
  ...{ startedMs: 0, firedMs: 0, seenMs: 0, clearedMs: 0, changed: true },
};

/**
 * Reads a template.
 *
 * @throws {Error} when it names what there is not, or is no JSON
 */
export function parseTemplate(text: string): WebhookTemplate {
  for (const [place, name] of text.matchAll(PLACE)) {
    if (NAMES.some((known) => known === name) || PAIR.test(name!)) continue;
    throw new Error(
      `Cannot use the template as '${place}' is not one of ${
        NAMES.join(", ")
      }, labels.NAME, annotations.NAME`,
    );
  }
  const render = (alert: Alert, id: string) =>
    text.replaceAll(PLACE, (_, name: string) => JSON.stringify(valueOf(alert, name, id)).slice(1, -1));
  try {
    JSON.parse(render(SAMPLE, changeId(SAMPLE)));
  } catch (cause) {
    throw new Error(`Cannot use the template as it is not JSON: ${(cause as Error).message}`, { cause });
  }
  return { render };
}

/** Returns what `name` stands for, as text; what an alert does not have is "". */
function valueOf(alert: Alert, name: string, id: string): string {
  const [, of, key] = PAIR.exec(name) ?? [];
  if (of !== undefined) return alert[of as "labels" | "annotations"][key!] ?? "";
  switch (name as (typeof NAMES)[number]) {
    case "id":
      return id;
    case "status":
      return alert.state;
    case "rule":
      return alert.rule;
    case "url":
      return alert.url;
    case "starts_at":
      return new Date(alert.firedMs).toISOString();
    case "ends_at":
      return alert.state === "firing" ? "" : new Date(alert.seenMs).toISOString();
    case "value":
      return alert.annotations["value"] ?? String(alert.value);
    case "samples":
      return String(alert.samples);
  }
}
