// SPDX-License-Identifier: Apache-2.0
/**
 * Evaluates the fleet's rules while it is this aggregator's turn, and this aggregator's own rules always.
 *
 * @module
 */

import { within } from "../../common/timeout.ts";
import { type Alert, alertKey } from "./alert.ts";
import type { CaptureRequests } from "./capture_requests.ts";
import { evaluate } from "./evaluate.ts";
import type { Measurer } from "./measure.ts";
import type { AlertMetrics } from "./metrics.ts";
import type { Notifier } from "./notifier.ts";
import type { Change, Outcomes } from "./outcomes.ts";
import type { OwnFigures } from "./own_figures.ts";
import { isOwnMeasure, type OwnMeasure, type Rule } from "./rule.ts";
import type { RuleBook } from "./rule_book.ts";
import type { Silence, Silences } from "./silences.ts";
import type { Turn, Turns } from "./turns.ts";

export interface EvaluatorParts {
  readonly book: RuleBook;
  readonly outcomes: Outcomes;
  readonly silences: Silences;
  readonly notifier: Notifier;
  readonly metrics: AlertMetrics;
  /** Takes what agents are asked for; without it they are asked for nothing. */
  readonly captures?: CaptureRequests | undefined;
  /** Rules are evaluated so often, in ms. */
  readonly intervalMs: number;
  /** Is where people reach the page. */
  readonly base: URL;
}

/** Changes are news for so long, in ms. */
const NEWS_MS = 3_600_000;
const MAX_CHANGES = 2000;
/** An aggregator tells what it found for so many intervals; another one takes over later than that. */
const TELL_INTERVALS = 2;
const TAKEOVER_INTERVALS = 3;
/** Storage that does not answer for so long, in ms, is away: what needs no storage goes on. */
const LOAD_MS = 5000;

function isLive({ state }: Alert): boolean {
  return state === "pending" || state === "firing";
}

function isOwn(rule: Rule): rule is Rule & { readonly measure: OwnMeasure } {
  return isOwnMeasure(rule.measure);
}

/** Returns what a holder of turns is called: its name, which a restart keeps, and what tells two of one name apart. */
export function holderOf(name: string): string {
  return `${name} ${crypto.randomUUID().slice(0, 8)}`;
}

/** Evaluates the rules of the fleet. */
export class FleetEvaluator {
  readonly #parts: EvaluatorParts & {
    readonly turns: Turns;
    readonly measurer: Measurer;
    readonly name: string;
  };

  constructor(
    parts: EvaluatorParts & { readonly turns: Turns; readonly measurer: Measurer; readonly name: string },
  ) {
    this.#parts = parts;
  }

  /**
   * Takes the next turn where it is this aggregator's, and evaluates.
   *
   * @returns after how many ms to look again
   * @throws {StorageError}
   */
  async look(signal: AbortSignal): Promise<number> {
    const { turns, book, outcomes, intervalMs, name } = this.#parts;
    const rules = (await book.refresh(signal)).map(({ rule }) => rule).filter((rule) => !isOwn(rule));
    const newest = await turns.newest(signal);
    const isMine = newest === undefined || newest.holder.replace(/ \S+$/, "") === name;
    const due = newest ? (isMine ? 1 : TAKEOVER_INTERVALS) * intervalMs - newest.ageMs : 0;
    if (!isMine) {
      this.#stop();
      // Agents of the fleet push to any aggregator.
      if (this.#parts.captures) this.#parts.captures.replace(await outcomes.current({ scope: "" }, signal));
    }
    if (due > 0) return Math.min(due, intervalMs);
    // Without rules there is nothing to do, unless alerts are left of rules that there were.
    if (rules.length === 0 && (!newest || (await outcomes.current({ scope: "" }, signal)).length === 0)) {
      this.#stop();
      return intervalMs;
    }
    await this.#take(await turns.next(newest, signal), rules, signal);
    return intervalMs;
  }

  async #take(number: number, rules: readonly Rule[], signal: AbortSignal): Promise<void> {
    const { turns, metrics, intervalMs } = this.#parts;
    // From before it is taken: the engine's time of it is later.
    const untilMs = performance.now() + TELL_INTERVALS * intervalMs;
    const turn = await turns.take(number, signal);
    if (!turn) return this.#stop();
    await within(
      TELL_INTERVALS * intervalMs,
      (limit) => this.#evaluate(turn, rules, { untilMs, signal: limit }),
      {
        signal,
      },
    ).catch((error) => {
      metrics.turn("failed");
      throw error;
    });
  }

  async #evaluate(
    turn: Turn,
    rules: readonly Rule[],
    { untilMs, signal }: { untilMs: number; signal: AbortSignal },
  ): Promise<void> {
    const { outcomes, silences, measurer, notifier, metrics, base, captures } = this.#parts;
    const before = await outcomes.current({ scope: "" }, signal);
    const alerts = await evaluate({
      ...{ rules, before, now: turn.at, base, metrics, signal },
      measure: (rule, signal) => measurer.measure(rule, turn.at, signal),
      ...(captures && { nodesOf: (rule, group, signal) => measurer.nodes(rule, group, signal) }),
    });
    if (!await outcomes.write({ scope: "", ...turn, alerts })) {
      metrics.turn("lost");
      return this.#stop();
    }
    const range = { from: turn.at - NEWS_MS, to: turn.at + 1, limit: MAX_CHANGES };
    const changes = await outcomes.changes({ scope: "", ...range }, signal);
    const silent = await silences.all(turn.at, signal);
    captures?.replace(alerts.filter(isLive));
    notifier.take("", { alerts: alerts.filter(isLive), changes, silences: silent, untilMs });
    metrics.turn("finished");
    metrics.evaluates(true);
  }

  #stop(): void {
    this.#parts.notifier.take("", undefined);
    this.#parts.metrics.evaluates(false);
  }
}

/**
 * Evaluates the rules on this aggregator's own figures. Nobody else does, and it needs no storage for that: what it found
 * is in memory, and is written when storage is there.
 */
export class OwnEvaluator {
  readonly #parts: EvaluatorParts & { readonly figures: OwnFigures; readonly name: string };
  #alerts: readonly Alert[] = [];
  #changes: Change[] = [];
  #silences: readonly Silence[] = [];
  #loaded = false;
  /** Changes that are not in storage yet, by the alert's key. */
  readonly #unsaved = new Map<string, Alert>();
  #turn = 0;

  constructor(parts: EvaluatorParts & { readonly figures: OwnFigures; readonly name: string }) {
    this.#parts = parts;
  }

  /** Evaluates. @throws {StorageError} after the evaluation, where it could not be written */
  async look(now: number, signal: AbortSignal): Promise<void> {
    const { book, figures, notifier, metrics, base, intervalMs } = this.#parts;
    const rules = book.known.map(({ rule }) => rule).filter(isOwn);
    figures.look(now, Math.max(0, ...rules.map(({ window }) => window)));
    const ask = (signal: AbortSignal) => this.#load(now, signal);
    const storageError = await within(Math.min(intervalMs, LOAD_MS), ask, { signal })
      .then(() => undefined, (error) => error);
    if (rules.length === 0 && this.#alerts.length === 0) return;
    const alerts = await evaluate({
      ...{ rules, before: this.#alerts, now, base, metrics, signal },
      measure: (rule) => figures.measure(rule as Rule & { readonly measure: OwnMeasure }, now),
    });
    this.#alerts = alerts.filter(isLive);
    const changed = alerts.filter((alert) => alert.changed);
    for (const alert of changed) this.#unsaved.set(alertKey(alert), alert);
    this.#changes = [...changed.map((alert) => ({ at: now, alert })), ...this.#changes]
      .filter(({ at }) => now - at < NEWS_MS).slice(0, MAX_CHANGES);
    notifier.take(this.#parts.name, {
      ...{ alerts: this.#alerts, changes: this.#changes, silences: this.#silences },
      untilMs: performance.now() + TELL_INTERVALS * intervalMs,
    });
    if (storageError) throw storageError;
    await this.#save(now, alerts);
  }

  /** Reads what the last run of this aggregator left, once, and the silences. */
  async #load(now: number, signal: AbortSignal): Promise<void> {
    const { outcomes, silences, name: scope } = this.#parts;
    if (!this.#loaded) {
      const before = await outcomes.current({ scope }, signal);
      const range = { from: now - NEWS_MS, to: now + 1, limit: MAX_CHANGES };
      const changes = await outcomes.changes({ scope, ...range }, signal);
      const stored = new Map(before.map((alert) => [alertKey(alert), alert]));
      const since = this.#alerts.map((alert) => continued(alert, stored.get(alertKey(alert))));
      const known = new Set(since.map(alertKey));
      // What was found before storage answered may be no news.
      const told = new Set(since.filter((alert, i) => alert !== this.#alerts[i]).map(alertKey));
      for (const key of told) this.#unsaved.delete(key);
      this.#alerts = [...since, ...before.filter((alert) => !known.has(alertKey(alert)))];
      this.#changes = [...this.#changes.filter(({ alert }) => !told.has(alertKey(alert))), ...changes];
      this.#loaded = true;
    }
    this.#silences = await silences.all(now, signal);
  }

  async #save(now: number, alerts: readonly Alert[]): Promise<void> {
    const there = new Set(alerts.map(alertKey));
    const earlier = [...this.#unsaved.values()].filter((alert) =>
      !there.has(alertKey(alert)) && !isLive(alert)
    );
    const rows = alerts.map((alert) => ({ ...alert, changed: this.#unsaved.has(alertKey(alert)) }));
    // Its turns are numbered by time: nobody else takes any.
    this.#turn = Math.max(this.#turn + 1, now);
    await this.#parts.outcomes.write({
      ...{ scope: this.#parts.name, turn: this.#turn, at: now },
      alerts: [...rows, ...earlier],
    });
    this.#unsaved.clear();
  }
}

/** Returns `alert`, which was found anew, as the one that was there before, where it is the same. */
function continued(alert: Alert, before: Alert | undefined): Alert {
  if (before === undefined || before.state !== "firing" && before.state !== alert.state) return alert;
  const { state, startedMs, firedMs } = before;
  return { ...alert, state, startedMs, firedMs, changed: false };
}
