// SPDX-License-Identifier: Apache-2.0
/**
 * Tells of alerts, and takes their rules and silences.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import * as v from "valibot";
import { duration } from "../../common/settings.ts";
import type { Alert } from "../alerts/alert.ts";
import type { Estimate } from "../alerts/estimate.ts";
import { formatRule, parseRule, RuleError } from "../alerts/rule_schema.ts";
import { type ListedRule, RuleBookError } from "../alerts/rule_book.ts";
import { isSilenced, type Silence } from "../alerts/silences.ts";
import type { Rule } from "../alerts/rule.ts";
import type {
  AlertEvaluationJson,
  AlertHistoryJson,
  AlertJson,
  AlertsJson,
  EstimateJson,
  ListedRuleJson,
  SilenceJson,
} from "./answers.ts";
import { readBody } from "./body.ts";
import { HttpError } from "./errors.ts";
import { limitParam, readParams, readRange, textParam } from "./params.ts";
import { json, type Reply } from "./reply.ts";
import { adminRoute, type Context, getRoute, type Handler, postRoute, type Route } from "./route.ts";
import { formatTime } from "./time.ts";
import type { HandlerOptions } from "./types.ts";

/** Makes the routes of alerts. */
export function alertRoutes(options: HandlerOptions): Route[] {
  const admin = (method: "POST" | "PUT" | "DELETE", path: string, handle: Handler) =>
    adminRoute(method, path, { options, handle: (...args) => explained(handle, ...args) });
  return [
    getRoute("/api/alerts", options, list),
    admin("POST", "/api/alerts", create),
    admin("PUT", "/api/alerts", change),
    admin("DELETE", "/api/alerts", remove),
    admin("POST", "/api/alerts/toggle", toggle),
    getRoute("/api/alerts/history", options, history),
    admin("POST", "/api/alerts/silence", silence),
    postRoute("/api/alerts/evaluate", options, (...args) => explained(evaluate, ...args)),
  ];
}

/** Tells who asks what is wrong with what was sent. */
async function explained(handle: Handler, context: Context, options: HandlerOptions): Promise<Reply> {
  try {
    return await handle(context, options);
  } catch (error) {
    if (error instanceof RuleError) {
      throw new HttpError(STATUS_CODE.BadRequest, error.message, { cause: error });
    }
    if (!(error instanceof RuleBookError)) throw error;
    const status = error.reason === "not_found" ? STATUS_CODE.NotFound : STATUS_CODE.BadRequest;
    throw new HttpError(status, error.message, { cause: error });
  }
}

async function list({ url, signal }: Context, { alerts, now = Date.now }: HandlerOptions): Promise<Reply> {
  readParams(url, {});
  const [rules, state] = await Promise.all([alerts.rules(signal), alerts.state(signal)]);
  const at = now();
  return json(
    {
      rules: rules.map(listedJson),
      alerts: state.alerts.map((alert) => alertJson(alert, isSilenced(alert, state.silences, at))),
      silences: state.silences.map(silenceJson),
    } satisfies AlertsJson,
  );
}

/** Reads a body that is any map; the rule's own reader says what is wrong with it. */
const anyBody = v.record(v.string(), v.unknown());

async function create({ request }: Context, { alerts }: HandlerOptions): Promise<Reply> {
  const rule = parseRule(await readBody(request, anyBody));
  await alerts.create(rule);
  return changed(listedJson({ rule, source: "api" }), `created the rule ${quoted(rule.name)}`);
}

async function change({ request, url }: Context, { alerts }: HandlerOptions): Promise<Reply> {
  const name = nameOf(url);
  const rule = parseRule(await readBody(request, anyBody));
  await alerts.change(name, rule);
  return changed(listedJson({ rule, source: "api" }), `changed the rule ${quoted(name)}`);
}

async function remove({ url, signal }: Context, { alerts }: HandlerOptions): Promise<Reply> {
  const name = nameOf(url);
  const rule = await alerts.rule(name, signal);
  await alerts.remove(name);
  return changed(listedJson(rule), `removed the rule ${quoted(name)}`);
}

function nameOf(url: URL): string {
  const { name } = readParams(url, { name: textParam });
  if (name === undefined) throw new HttpError(STATUS_CODE.BadRequest, "Missing a parameter: 'name'");
  return name;
}

const toggleBody = v.strictObject({ name: v.string("a text"), enabled: v.boolean("true or false") });

async function toggle({ request, signal }: Context, { alerts }: HandlerOptions): Promise<Reply> {
  const { name, enabled } = await readBody(request, toggleBody);
  const rule: Rule = { ...(await alerts.rule(name, signal)).rule, enabled };
  await alerts.change(name, rule);
  const what = `switched the rule ${quoted(name)} ${enabled ? "on" : "off"}`;
  return changed(listedJson({ rule, source: "api" }), what);
}

async function history({ url, signal }: Context, { alerts, now = Date.now }: HandlerOptions): Promise<Reply> {
  const { range, params } = readRange(url, { rule: textParam, limit: limitParam(100, 10_000) }, now());
  const changes = await alerts.history({ ...range, ...params }, signal);
  return json(
    {
      changes: changes.map(({ at, alert }) => ({ at: formatTime(at), alert: alertJson(alert, false) })),
    } satisfies AlertHistoryJson,
  );
}

/** A silence ends by itself; a longer one is a rule that is to be switched off. */
const MAX_SILENCE_MS = 30 * 86_400_000;

const silenceBody = v.strictObject({
  id: v.optional(
    v.pipe(v.string("a text"), v.regex(/^[A-Za-z0-9-]{1,64}$/, "an id of letters, digits and -")),
  ),
  labels: v.pipe(
    v.record(v.string(), v.pipe(v.string("a text"), v.maxLength(4096, "a text"))),
    v.check((labels) => Object.keys(labels).length > 0, "labels that an alert must have"),
    v.check((labels) => Object.keys(labels).length <= 32, "at most 32 labels"),
  ),
  comment: v.optional(v.pipe(v.string("a text"), v.maxLength(4096, "a text")), ""),
  for: v.pipe(v.string("a duration like 2h"), duration(0, MAX_SILENCE_MS)),
});

async function silence({ request }: Context, { alerts, now = Date.now }: HandlerOptions): Promise<Reply> {
  const { id = crypto.randomUUID(), for: ms, ...rest } = await readBody(request, silenceBody);
  const silence: Silence = { id, ...rest, untilMs: now() + ms };
  await alerts.silence(silence);
  const what = ms === 0
    ? `ended the silence ${id}`
    : `made the silence ${id} of ${JSON.stringify(rest.labels)}`;
  return changed(silenceJson(silence), what);
}

/** Answers `body`, and has the audit log say what was done. */
function changed(body: unknown, what: string): Reply {
  return { ...json(body), change: { what } };
}

/** Keeps a name within its line. */
function quoted(name: string): string {
  return JSON.stringify(name);
}

const evaluateBody = v.strictObject({ name: v.optional(v.string("a text")), rule: v.optional(anyBody) });

async function evaluate({ request, signal }: Context, { alerts }: HandlerOptions): Promise<Reply> {
  const { name, rule: given } = await readBody(request, evaluateBody);
  if ((name === undefined) === (given === undefined)) {
    throw new HttpError(
      STATUS_CODE.BadRequest,
      "Missing a field: 'name' of a rule, or a 'rule'; and not both",
    );
  }
  const rule = given ? parseRule(given) : (await alerts.rule(name!, signal)).rule;
  const { groups, cut, range } = await alerts.evaluate(rule, signal);
  return json(
    {
      rule: formatRule(rule),
      from: formatTime(range.from),
      to: formatTime(range.to),
      groups: groups.map(({ labels, verdict, estimate, now, base }) => ({
        labels,
        verdict,
        compared: estimateJson(estimate),
        now: estimateJson(now),
        before: base ? estimateJson(base) : null,
      })),
      cut,
    } satisfies AlertEvaluationJson,
  );
}

function listedJson({ rule, source }: ListedRule): ListedRuleJson {
  return { source, rule: formatRule(rule) };
}

function alertJson(alert: Alert, silenced: boolean): AlertJson {
  const time = (ms: number) => ms === 0 ? null : formatTime(ms);
  const { rule, state, labels, annotations, url, samples } = alert;
  return {
    ...{ rule, state, labels, annotations, url },
    started: formatTime(alert.startedMs),
    fired: time(alert.firedMs),
    seen: formatTime(alert.seenMs),
    cleared: time(alert.clearedMs),
    value: finite(alert.value),
    samples,
    silenced,
  };
}

function silenceJson({ id, labels, comment, untilMs }: Silence): SilenceJson {
  return { id, labels, comment, until: formatTime(untilMs) };
}

function estimateJson({ value, down, up, samples }: Estimate): EstimateJson {
  return {
    value: finite(value),
    low: finite(value - down),
    high: finite(value + up),
    samples: finite(samples),
  };
}

/** JSON has no infinity. */
function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
