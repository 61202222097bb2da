// SPDX-License-Identifier: Apache-2.0
/**
 * Counts what alerts do.
 *
 * @module
 */

import type { Counter, Gauge, Histogram, Registry } from "prom-client";
import { MetricFactory } from "../../common/metrics.ts";
import type { EvaluationMetrics } from "./evaluate.ts";
import type { NotifierMetrics } from "./notifier.ts";

/** Holds the metrics of alerts. */
export class AlertMetrics implements EvaluationMetrics, NotifierMetrics {
  readonly #rules: Counter<"status">;
  readonly #seconds: Histogram;
  readonly #bounded: Counter<"of">;
  readonly #alerts: Gauge<"state">;
  readonly #leader: Gauge;
  readonly #turns: Counter<"outcome">;
  readonly #notifications: Counter<"receiver" | "status">;
  readonly #dropped: Counter;
  readonly #capturing: Gauge;
  readonly #captures: Counter;
  #asked = 0;
  readonly #file: Gauge;
  readonly #fileErrors: Counter;

  constructor(registry: Registry) {
    const make = new MetricFactory(registry);
    this.#rules = make.counter("aperture_alert_evaluations_total", "Evaluations of a rule by outcome", [
      "status",
    ]);
    this.#seconds = make.histogram(
      "aperture_alert_evaluation_duration_seconds",
      "Time that the evaluation of all rules took",
    );
    this.#bounded = make.counter(
      "aperture_alert_bounded_total",
      "Groups beyond their rule's bound, and alerts beyond the bound of all, of which nothing is said",
      ["of"],
    );
    this.#alerts = make.gauge("aperture_alerts", "Alerts that this aggregator tells of, by state", ["state"]);
    this.#leader = make.gauge(
      "aperture_alert_evaluator",
      "Whether this aggregator evaluates the fleet's rules: one of all does",
    );
    this.#turns = make.counter(
      "aperture_alert_turns_total",
      "Evaluations of the fleet's rules that were finished, that another aggregator took over, and that failed",
      ["outcome"],
    );
    this.#notifications = make.counter(
      "aperture_alert_notifications_total",
      "Requests to Alertmanagers and webhooks by outcome",
      ["receiver", "status"],
    );
    this.#dropped = make.counter(
      "aperture_alert_notifications_dropped_total",
      "Changes that a webhook was never told, as it did not answer for as long as they were news",
    );
    this.#capturing = make.gauge(
      "aperture_alert_capture_nodes",
      "Nodes whose agents are asked to look closer, where they push to this aggregator",
    );
    this.#captures = make.counter(
      "aperture_alert_capture_requests_total",
      "Answers to pushes that asked an agent to look closer",
    );
    this.#file = make.gauge(
      "aperture_alert_rules_file_ok",
      "Whether the file of rules is in use as it is; 0 where it has an error and the rules before count",
    );
    this.#fileErrors = make.counter(
      "aperture_alert_rules_file_errors_total",
      "Times that the file of rules had changed and could not be used",
    );
    for (const status of ["ok", "error"]) this.#rules.inc({ status }, 0);
    for (const  of of["groups", "alerts"]) this.#bounded.inc({ of }, 0);
    for (const outcome of TURN_OUTCOMES) this.#turns.inc({ outcome }, 0);
    for (const receiver of ["alertmanager", "webhook"]) {
      for (const status of ["ok", "error"]) this.#notifications.inc({ receiver, status }, 0);
    }
    this.present({ pending: 0, firing: 0 });
    this.evaluates(false);
    this.#capturing.set(0);
    this.#file.set(1);
  }

  evaluated({ ok, failed }: { ok: number; failed: number }, seconds: number): void {
    this.#rules.inc({ status: "ok" }, ok);
    this.#rules.inc({ status: "error" }, failed);
    this.#seconds.observe(seconds);
  }

  bounded(of: "groups" | "alerts", count: number): void {
    this.#bounded.inc({ of }, count);
  }

  notified(receiver: "alertmanager" | "webhook", ok: boolean): void {
    this.#notifications.inc({ receiver, status: ok ? "ok" : "error" });
  }

  dropped(changes: number): void {
    this.#dropped.inc(changes);
  }

  /** Says how many alerts this aggregator tells of. */
  present(alerts: { readonly pending: number; readonly firing: number }): void {
    for (const [state, count] of Object.entries(alerts)) this.#alerts.set({ state }, count);
  }

  /** Says whether this aggregator evaluates the fleet's rules. */
  evaluates(does: boolean): void {
    this.#leader.set(does ? 1 : 0);
  }

  /** Says which agents are asked to look closer, and how often they were. */
  capturing({ nodes, asked }: { readonly nodes: number; readonly asked: number }): void {
    this.#capturing.set(nodes);
    this.#captures.inc(asked - this.#asked);
    this.#asked = asked;
  }

  /** Counts a turn of the fleet's rules. */
  turn(outcome: (typeof TURN_OUTCOMES)[number]): void {
    this.#turns.inc({ outcome });
  }

  /** Says whether the file of rules could be used. */
  file(ok: boolean): void {
    this.#file.set(ok ? 1 : 0);
    if (!ok) this.#fileErrors.inc();
  }
}

const TURN_OUTCOMES = ["finished", "lost", "failed"] as const;
