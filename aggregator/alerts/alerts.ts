// SPDX-License-Identifier: Apache-2.0
/**
 * Runs alerts: evaluates again and again, tells receivers, and answers REST.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import { getLogger } from "@logtape/logtape";
import type { Registry } from "prom-client";
import { Burst } from "../../common/log.ts";
import type { StorageClient } from "../storage/client.ts";
import { alertmanagerOf, receiverOf } from "./receiver.ts";
import { Deliveries } from "./deliveries.ts";
import { CaptureRequests } from "./capture_requests.ts";
import type { AlertsApi } from "./alerts_api.ts";
import { judgeAll } from "./evaluate.ts";
import { FleetEvaluator, holderOf, OwnEvaluator } from "./evaluator.ts";
import { Measurer } from "./measure.ts";
import { AlertMetrics } from "./metrics.ts";
import { Notifier } from "./notifier.ts";
import { type Change, type ChangesOptions, Outcomes } from "./outcomes.ts";
import { OwnFigures, type OwnReading } from "./own_figures.ts";
import { isOwnMeasure, type Rule } from "./rule.ts";
import { type ListedRule, RuleBook } from "./rule_book.ts";
import { type Silence, Silences } from "./silences.ts";
import { StoredRules } from "./stored_rules.ts";
import { Turns } from "./turns.ts";
import { DEFAULT_TEMPLATE, parseTemplate } from "./webhook_template.ts";

export interface AlertsOptions {
  readonly client: StorageClient;
  /** Names this aggregator among all, over restarts. */
  readonly name: string;
  readonly registry: Registry;
  readonly figures: () => OwnReading;
  /** Says why storage cannot be asked now; `undefined` when it can. */
  readonly problem: () => Promise<string | undefined>;
  /** Is the file of rules. */
  readonly rulesPath?: string | undefined;
  readonly alertmanagers?: readonly URL[] | undefined;
  readonly webhooks?: readonly URL[] | undefined;
  /** Is a file: what webhooks are sent. */
  readonly templatePath?: string | undefined;
  /** Agents may be asked to look closer while an alert of a rule that wants it is there. */
  readonly capture: boolean;
  /** Rules are evaluated so often, in ms. */
  readonly intervalMs: number;
  /** Is where people reach the page. */
  readonly publicUrl: URL;
}

/** Receivers are looked after so often, in ms. */
const DELIVER_MS = 1000;
/** What an aggregator found last is shown for so many intervals after it has gone. */
const SHOWN_INTERVALS = 10;

/** Is all of alerts, which run until this is disposed of. */
export class Alerts implements AlertsApi, AsyncDisposable {
  readonly #resources: AsyncDisposableStack;
  readonly #options: AlertsOptions;
  readonly #book: RuleBook;
  readonly #outcomes: Outcomes;
  readonly #silences: Silences;
  readonly #measurer: Measurer;
  readonly #figures: OwnFigures;
  /** Says what agents are asked for. */
  readonly captures = new CaptureRequests();
  readonly #burst = new Burst(getLogger(["aperture", "alerts"]));

  private constructor(options: AlertsOptions, book: RuleBook, resources: AsyncDisposableStack) {
    const { client, name, figures } = options;
    this.#resources = resources;
    this.#options = options;
    this.#book = book;
    this.#outcomes = new Outcomes(client, holderOf(name));
    this.#silences = new Silences(client);
    this.#measurer = new Measurer(client);
    this.#figures = new OwnFigures(name, figures);
  }

  /**
   * Reads the files, and evaluates from here on.
   *
   * @throws {Error} when a file cannot be used
   */
  static async start(options: AlertsOptions): Promise<Alerts> {
    await using resources = new AsyncDisposableStack();
    const { client, registry, rulesPath, templatePath, intervalMs } = options;
    const metrics = new AlertMetrics(registry);
    const book = resources.use(
      await RuleBook.open(new StoredRules(client), { path: rulesPath, onFile: (ok) => metrics.file(ok) }),
    );
    const notifier = new Notifier({
      alertmanagers: (options.alertmanagers ?? []).map(alertmanagerOf),
      webhooks: (options.webhooks ?? []).map(receiverOf),
      template: templatePath === undefined ? DEFAULT_TEMPLATE : await readTemplate(templatePath),
      deliveries: new Deliveries(client),
      metrics,
    });
    const alerts = new Alerts(options, book, resources.move());
    const stop = new AbortController();
    const running = alerts.#run({ notifier, metrics, signal: stop.signal });
    alerts.#resources.defer(async () => {
      stop.abort();
      await running;
    });
    getLogger(["aperture", "alerts"]).debug("Evaluating every {intervalMs} ms", { intervalMs });
    return alerts;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#resources.disposeAsync();
  }

  async #run(
    { notifier, metrics, signal }: { notifier: Notifier; metrics: AlertMetrics; signal: AbortSignal },
  ): Promise<void> {
    const { name, intervalMs, publicUrl: base, client } = this.#options;
    const parts = {
      ...{ book: this.#book, outcomes: this.#outcomes, silences: this.#silences, notifier, metrics },
      ...{ intervalMs, base, name },
      ...(this.#options.capture && { captures: this.captures }),
    };
    const turns = new Turns(client, this.#outcomes.holder);
    const fleet = new FleetEvaluator({ ...parts, turns, measurer: this.#measurer });
    const own = new OwnEvaluator({ ...parts, figures: this.#figures });
    await Promise.all([
      this.#repeat("fleet", async () => {
        // Until the tables are made there is nobody to ask.
        const problem = await this.#options.problem();
        if (problem !== undefined) throw new Error(problem);
        return await fleet.look(signal);
      }, signal),
      this.#repeat("own", () => own.look(Date.now(), signal).then(() => intervalMs), signal),
      this.#repeat("deliver", async () => {
        metrics.present(notifier.counts());
        metrics.capturing(this.captures);
        await notifier.deliver(signal);
        return Math.min(DELIVER_MS, intervalMs / 4);
      }, signal),
    ]);
  }

  /** Does `work` again and again, after the pause that it asks for; what fails is said, and tried again. */
  async #repeat(what: string, work: () => Promise<number>, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const pause = await work().catch((error) => {
        if (!signal.aborted) this.#burst.warn(what, `Cannot evaluate alerts now: ${error.message}`);
        return this.#options.intervalMs;
      });
      await delay(pause, { signal }).catch(() => {});
    }
  }

  rules(signal: AbortSignal): Promise<readonly ListedRule[]> {
    return this.#book.refresh(signal);
  }

  rule(name: string, signal?: AbortSignal): Promise<ListedRule> {
    return this.#book.get(name, signal);
  }

  async state(signal: AbortSignal) {
    const now = Date.now();
    const since = now - SHOWN_INTERVALS * this.#options.intervalMs;
    const [alerts, silences] = await Promise.all([
      this.#outcomes.current({ since }, signal),
      this.#silences.all(now, signal),
    ]);
    return { alerts, silences };
  }

  history(options: ChangesOptions, signal: AbortSignal): Promise<readonly Change[]> {
    return this.#outcomes.changes(options, signal);
  }

  create(rule: Rule): Promise<void> {
    return this.#book.create(rule);
  }

  change(name: string, rule: Rule): Promise<void> {
    return this.#book.change(name, rule);
  }

  remove(name: string): Promise<void> {
    return this.#book.remove(name);
  }

  async evaluate(rule: Rule, signal: AbortSignal) {
    const now = Date.now();
    const { measure } = rule;
    const measured = isOwnMeasure(measure)
      ? this.#figures.measure({ ...rule, measure }, now)
      : await this.#measurer.measure(rule, now, signal);
    return { ...measured, groups: judgeAll(rule, measured) };
  }

  silence(silence: Silence): Promise<void> {
    return this.#silences.put(silence);
  }
}

async function readTemplate(path: string) {
  try {
    return parseTemplate(await Deno.readTextFile(path));
  } catch (cause) {
    throw new Error(`Cannot read the webhooks' template '${path}': ${(cause as Error).message}`, { cause });
  }
}
