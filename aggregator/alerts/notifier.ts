// SPDX-License-Identifier: Apache-2.0
/**
 * Tells receivers of alerts: Alertmanagers again and again, webhooks once of each change.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { backoffMs } from "../../common/backoff.ts";
import { Burst } from "../../common/log.ts";
import { within } from "../../common/timeout.ts";
import { type Alert, alertKey, changeId } from "./alert.ts";
import { alertmanagerBody, isTold, RESEND_MS } from "./alertmanager.ts";
import { type Deliveries, deliveryKey } from "./deliveries.ts";
import type { Change } from "./outcomes.ts";
import { post, type Receiver } from "./receiver.ts";
import { isSilenced, type Silence } from "./silences.ts";
import type { WebhookTemplate } from "./webhook_template.ts";

/** Is what one scope has to tell. */
export interface News {
  /** Are the alerts that are there. */
  readonly alerts: readonly Alert[];
  /** Are the newest changes; those that resolved are told for a while. */
  readonly changes: readonly Change[];
  readonly silences: readonly Silence[];
  /** Says, by `performance.now()`, until when this aggregator may tell it: another one may do so from then on. */
  readonly untilMs: number;
}

/** Is told what became of notifications. */
export interface NotifierMetrics {
  notified(receiver: "alertmanager" | "webhook", ok: boolean): void;
  /** Is told of changes that a webhook was never told. */
  dropped(changes: number): void;
}

export interface NotifierOptions {
  readonly alertmanagers: readonly Receiver[];
  readonly webhooks: readonly Receiver[];
  readonly template: WebhookTemplate;
  readonly deliveries: Pick<Deliveries, "done" | "put">;
  readonly metrics: NotifierMetrics;
}

/** A try may take so long, in ms. */
const TRY_MS = 10_000;
const BACKOFF = { firstMs: 1000, maxMs: 60_000 };
const burst = new Burst(getLogger(["aperture", "alerts"]));

/** Is a receiver, and when it is tried next. */
interface Line {
  readonly receiver: Receiver;
  dueMs: number;
  failures: number;
}

/** Is a change that a webhook is to be told. */
interface Event {
  readonly id: string;
  readonly alert: Alert;
  /** Is the change that it must know of before: who was not told that it fires is not told that it ended. */
  readonly after?: string;
}

/** Holds the news of all scopes, and tells them. */
export class Notifier {
  readonly #options: NotifierOptions;
  readonly #news = new Map<string, News>();
  readonly #alertmanagers: readonly Line[];
  readonly #webhooks: readonly Line[];
  /** Holds what webhooks took and storage may not know yet. */
  readonly #done = new Set<string>();
  /** Holds what webhooks may have taken: there was no time to hear their answer. */
  readonly #unanswered = new Set<string>();
  #asked: ReadonlySet<string> = new Set();
  #waiting = new Map<string, Event>();
  #told = "";

  constructor(options: NotifierOptions) {
    this.#options = options;
    const line = (receiver: Receiver): Line => ({ receiver, dueMs: 0, failures: 0 });
    this.#alertmanagers = options.alertmanagers.map(line);
    this.#webhooks = options.webhooks.map(line);
  }

  /** Takes what `scope` has to tell from now on; `undefined` where another aggregator tells it. */
  take(scope: string, news: News | undefined): void {
    if (news) this.#news.set(scope, news);
    else this.#news.delete(scope);
    const states = this.#current().flatMap(({ alerts }) =>
      alerts.map((alert) => `${alertKey(alert)} ${alert.state}`)
    );
    const told = states.sort().join("\n");
    if (told === this.#told) return;
    this.#told = told;
    for (const line of this.#alertmanagers) if (line.failures === 0) line.dueMs = 0;
  }

  /** Counts the alerts that this aggregator tells of. */
  counts(): { readonly pending: number; readonly firing: number } {
    const alerts = this.#current().flatMap(({ alerts }) => alerts);
    const count = (state: string) => alerts.filter((alert) => alert.state === state).length;
    return { pending: count("pending"), firing: count("firing") };
  }

  /** Tells what is due. Failures are counted, and tried again later. */
  async deliver(signal: AbortSignal): Promise<void> {
    const now = performance.now();
    const left = this.#current();
    if (left.length === 0) return;
    const until = Math.min(...left.map(({ untilMs }) => untilMs));
    const due = this.#alertmanagers.filter(({ dueMs }) => dueMs <= now);
    const work = async (signal: AbortSignal) => {
      await Promise.all([
        ...due.map((line) => this.#refresh(line, left, signal)),
        this.#tellWebhooks(left, signal),
      ]);
    };
    await within(Math.max(1, Math.min(TRY_MS, until - now)), work, { signal });
  }

  /** Returns what this aggregator may tell. */
  #current(): News[] {
    return [...this.#news.values()].filter(({ untilMs }) => untilMs > performance.now());
  }

  async #refresh(line: Line, news: readonly News[], signal: AbortSignal): Promise<void> {
    const now = Date.now();
    const alerts = news.flatMap(({ alerts, changes, silences }) => {
      const there = new Set(alerts.filter(({ state }) => state === "firing").map(alertKey));
      const gone = changes.filter(({ at, alert }) =>
        isTold(alert, { at, now }) && !there.has(alertKey(alert))
      );
      return [...alerts.filter(({ state }) => state === "firing"), ...gone.map(({ alert }) => alert)]
        .filter((alert) => !isSilenced(alert, silences, now));
    });
    const body = JSON.stringify(alertmanagerBody(alerts, now));
    if (alerts.length > 0 && await this.#try("alertmanager", line, { body, signal }) !== "taken") return;
    line.dueMs = performance.now() + RESEND_MS;
  }

  async #tellWebhooks(news: readonly News[], signal: AbortSignal): Promise<void> {
    if (this.#webhooks.length === 0) return;
    const now = Date.now();
    const events = news.flatMap((each) => eventsOf(each, now));
    this.#countDropped(events);
    const unknown = events.filter(({ id }) => !this.#asked.has(id));
    if (unknown.length > 0) await this.#ask(events, signal);
    const due = this.#webhooks.filter(({ dueMs }) => dueMs <= performance.now());
    await Promise.all(due.map(async (line) => {
      for (const event of events) {
        const key = (id: string) => deliveryKey(id, line.receiver.id);
        const mayKnow = (id: string) => this.#done.has(key(id)) || this.#unanswered.has(key(id));
        if (this.#done.has(key(event.id)) || (event.after !== undefined && !mayKnow(event.after))) continue;
        const body = this.#options.template.render(event.alert, event.id);
        const outcome = await this.#try("webhook", line, { body, id: event.id, signal });
        if (outcome === "unanswered") this.#unanswered.add(key(event.id));
        if (outcome !== "taken") return;
        this.#done.add(key(event.id));
        this.#waiting.delete(key(event.id));
        await this.#options.deliveries.put(event.id, line.receiver.id).catch((error) => {
          burst.warn("put", `Cannot write down what a webhook took, and may tell it again: ${error.message}`);
        });
      }
    }));
  }

  /** Asks which events were told by whoever evaluated before. While storage is away this aggregator knows its own. */
  async #ask(events: readonly Event[], signal: AbortSignal): Promise<void> {
    const ids = events.flatMap(({ id, after }) => after === undefined ? [id] : [id, after]);
    try {
      for (const key of await this.#options.deliveries.done(ids, signal)) this.#done.add(key);
      this.#asked = new Set(ids);
    } catch (error) {
      signal.throwIfAborted();
      burst.warn("done", `Cannot ask which changes webhooks took: ${(error as Error).message}`);
    }
    // What is not told any more need not be known.
    const keep = new Set(
      ids.flatMap((id) => this.#webhooks.map(({ receiver }) => deliveryKey(id, receiver.id))),
    );
    for (const keys of [this.#done, this.#unanswered]) {
      for (const key of keys) if (!keep.has(key)) keys.delete(key);
    }
  }

  /** Counts what was to be told, and is not any more. */
  #countDropped(events: readonly Event[]): void {
    const waiting = new Map(
      events.flatMap((event) => {
        return this.#webhooks.map(({ receiver }) => [deliveryKey(event.id, receiver.id), event] as const);
      }).filter(([key]) => !this.#done.has(key)),
    );
    const dropped = [...this.#waiting].filter(([key, { after }]) => {
      return after === undefined && !waiting.has(key) && !this.#done.has(key);
    }).length;
    if (dropped > 0) this.#options.metrics.dropped(dropped);
    this.#waiting = waiting;
  }

  async #try(
    kind: "alertmanager" | "webhook",
    line: Line,
    { body, id, signal }: { body: string; id?: string; signal: AbortSignal },
  ): Promise<"taken" | "failed" | "unanswered"> {
    try {
      await post(line.receiver, { body, ...(id !== undefined && { id }), signal });
      this.#options.metrics.notified(kind, true);
      line.failures = 0;
      return "taken";
    } catch (error) {
      this.#options.metrics.notified(kind, false);
      line.failures++;
      line.dueMs = performance.now() + backoffMs(line.failures, BACKOFF);
      burst.warn(
        line.receiver.id,
        `Cannot tell ${line.receiver.shown} of alerts: ${(error as Error).message}`,
      );
      return signal.aborted ? "unanswered" : "failed";
    }
  }
}

/** Returns what webhooks are to be told, the oldest first: what fires, and what has resolved of that. */
function eventsOf({ alerts, changes, silences }: News, now: number): Event[] {
  const firing = alerts.filter((alert) => alert.state === "firing" && !isSilenced(alert, silences, now))
    .map((alert): Event & { at: number } => ({ id: changeId(alert), alert, at: alert.firedMs }));
  const resolved = changes.filter(({ alert }) => alert.state === "resolved")
    .map(({ at, alert }) => ({
      id: changeId(alert),
      alert,
      after: changeId({ ...alert, state: "firing" }),
      at,
    }));
  return [...firing, ...resolved].sort((a, b) => a.at - b.at);
}
