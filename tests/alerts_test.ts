// SPDX-License-Identifier: Apache-2.0
/**
 * The whole path of an alert: two aggregators on one storage, Debian's Alertmanager and a webhook, over a kill and a
 * restart.
 */

import { assert, assertEquals } from "@std/assert";
import { PushClient } from "../agent/push/client.ts";
import type { AlertEvaluationJson, AlertHistoryJson, AlertsJson } from "../aggregator/http/answers.ts";
import { writeBatch } from "../profile/wire/write_batch.ts";
import { freePort } from "../common/free_port.ts";
import { RunningAggregator } from "../tasks/programs.ts";
import { storageEnv } from "./support/aggregator.ts";
import { runProgram } from "./support/child.ts";
import { testWith } from "./support/needs.ts";
import { TempFolder } from "./support/programs.ts";
import { Scrape } from "./support/prometheus.ts";
import { SteadyFleet } from "./support/steady_fleet.ts";
import { startStorage, type TestStorage } from "./support/storage.ts";
import { until } from "./support/until.ts";

const DAY_MS = 86_400_000;

const RULES = `rules:
  - name: ParserGrew
    severity: critical
    measure: share
    function: parse_json
    match: '{service="shop"}'
    against: day
    as: difference
    threshold: 15%
    window: 20s
    lag: 0s
    for: 2s
    for_each: [pod]
    labels: { team: shop }
    capture: { frequency: 499, for: 10m }
    annotations: { runbook: https://runbooks.test/parser }
`;

const TEMPLATE =
  `{"id": "{{id}}", "status": "{{ status }}", "text": "{{annotations.summary}}", "pod": "{{labels.pod}}"}`;

/** Debian's Alertmanager. */
class Alertmanager implements AsyncDisposable {
  readonly url = `http://127.0.0.1:${freePort()}`;
  readonly #child: Deno.ChildProcess;

  constructor(folder: TempFolder) {
    const config = folder.write(
      "alertmanager.yml",
      "route: { receiver: nobody }\nreceivers: [{ name: nobody }]\n",
    );
    this.#child = new Deno.Command("prometheus-alertmanager", {
      args: [
        `--config.file=${config}`,
        `--storage.path=${folder.path}/alertmanager`,
        `--web.listen-address=${new URL(this.url).host}`,
        "--cluster.listen-address=",
      ],
      stdout: "null",
      stderr: "null",
    }).spawn();
  }

  /** Returns the active alerts as amtool has them. */
  async active(): Promise<
    { labels: Record<string, string>; annotations: Record<string, string>; generatorURL: string }[]
  > {
    const { code, stdout } = await runProgram("amtool", [
      ...["alert", "query", "--output=json", `--alertmanager.url=${this.url}`],
    ]);
    return code === 0 ? JSON.parse(stdout) ?? [] : [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.#child.status;
  }
}

interface Told {
  readonly id: string;
  readonly status: string;
  readonly text: string;
  readonly pod: string;
}

/** A webhook that does not take the first that it is told. */
class Webhook implements AsyncDisposable {
  readonly told: Told[] = [];
  refused = 0;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor() {
    this.#server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
      const told = await request.json() as Told;
      if (this.refused++ === 0) return new Response("not yet", { status: 503 });
      assertEquals(request.headers.get("idempotency-key"), told.id);
      // What an aggregator had no time to note before it was killed comes twice, which its id tells.
      if (this.told.every(({ id }) => id !== told.id)) this.told.push(told);
      return new Response();
    });
  }

  get url(): string {
    return `http://user:secret@127.0.0.1:${this.#server.addr.port}/hook`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

function startAggregator(
  { options }: TestStorage,
  { folder, alertmanager, webhook }: { folder: TempFolder; alertmanager: Alertmanager; webhook: Webhook },
): Promise<RunningAggregator> {
  return RunningAggregator.start({
    args: ["--flush-interval=100ms", "--alert-interval=1s", "--log-level=warning"],
    env: {
      ...storageEnv(options),
      APERTURE_ALERT_RULES: folder.write("rules.yml", RULES),
      APERTURE_ALERT_CAPTURE: "true",
      APERTURE_ALERTMANAGERS: alertmanager.url,
      APERTURE_ALERT_WEBHOOKS: webhook.url,
      APERTURE_ALERT_WEBHOOK_TEMPLATE: folder.write("template.json", TEMPLATE),
      APERTURE_PUBLIC_URL: "https://profiles.test/aperture/",
    },
  });
}

testWith(
  ["chdb", "prometheus-alertmanager", "amtool", "python3-prometheus-client"],
  "a function that takes more than a day ago fires once and resolves once, over a kill and a restart",
  async () => {
    using folder = new TempFolder();
    await using storage = await startStorage();
    await using alertmanager = new Alertmanager(folder);
    await using webhook = new Webhook();
    const parts = { folder, alertmanager, webhook };
    await using cleanup = new AsyncDisposableStack();
    const start = async () => cleanup.use(await startAggregator(storage, parts));
    let [first, second] = await Promise.all([start(), start()]);
    const fleet = new SteadyFleet(3, Date.now());
    const push = async (
      to: RunningAggregator,
      samples: Record<string, number>,
      range: readonly [number, number],
    ) => {
      using client = new PushClient({ url: new URL(to.grpc) });
      const { signal } = new AbortController();
      let asked: number | undefined;
      for (let startMs = range[0]; startMs < range[1]; startMs += 10_000) {
        const batch = writeBatch(fleet.window({ node: "n1", startMs, samples }));
        asked = (await client.push(batch, { signal })).capture?.frequency;
      }
      return asked;
    };
    const now = Math.floor(Date.now() / 10_000) * 10_000;
    const both = {
      "cart-1/parse_json": 100,
      "cart-1/render": 900,
      "cart-2/parse_json": 100,
      "cart-2/render": 900,
    };
    const begin = now - 30_000;
    const end = now + 600_000;
    await push(first, both, [begin - DAY_MS, end - DAY_MS]);
    assertEquals(await push(first, both, [begin, end]), undefined);
    const evaluated = async () =>
      await first.json("/api/alerts/evaluate", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ name: "ParserGrew" }),
      }) as AlertEvaluationJson;
    const steady = await until(async () => {
      const { groups } = await evaluated();
      return groups.length === 2 && groups.every(({ verdict }) => verdict !== "unknown") ? groups : undefined;
    });
    assertEquals(steady.map(({ verdict }) => verdict), ["under", "under"]);

    // It grows to 40 % in one pod, from 10 %.
    await push(first, { "cart-1/parse_json": 500 }, [begin, end]);
    const list = async (of: RunningAggregator) => await of.json("/api/alerts") as AlertsJson;
    const firing = await until(async () => {
      const { alerts } = await list(second);
      return alerts.find(({ state }) => state === "firing");
    });
    assertEquals(firing.labels, {
      ...{ alertname: "ParserGrew", severity: "critical", team: "shop", pod: "cart-1" },
    });
    const active = await until(async () => {
      const found = await alertmanager.active();
      return found.length > 0 ? found : undefined;
    });
    assertEquals(active.map(({ labels }) => labels), [firing.labels]);
    assertEquals(active[0]!.annotations["runbook"], "https://runbooks.test/parser");
    assert(active[0]!.annotations["value"]!.endsWith(" %"), active[0]!.annotations["value"]);
    const url = new URL(active[0]!.generatorURL);
    assertEquals(url.origin + url.pathname, "https://profiles.test/aperture/");
    assertEquals(url.searchParams.get("search"), "parse_json");
    const told = await until(() => Promise.resolve(webhook.told[0]));
    assertEquals([told.status, told.pod], ["firing", "cart-1"]);

    // Whichever aggregator an agent pushes to, it is asked to look closer.
    for (const each of [first, second]) {
      await until(async () =>
        await push(each, { "cart-1/render": 1 }, [begin, begin + 10_000]) === 499 || undefined
      );
    }

    // The one that evaluates is killed: the other one finds the alert as it was.
    const isEvaluator = async (of: RunningAggregator) =>
      (await Scrape.of(`${of.http}/metrics`)).value("aperture_alert_evaluator") === 1;
    const killed = await until(async () =>
      await isEvaluator(first) ? first : await isEvaluator(second) ? second : undefined
    );
    const other = killed === first ? second : first;
    await killed.stop("SIGKILL");
    await until(async () => await isEvaluator(other) ? true : undefined);
    const after = (await list(other)).alerts.find(({ state }) => state === "firing");
    assertEquals([after?.started, after?.fired], [firing.started, firing.fired]);
    [first, second] = [other, await start()];

    // It is mended: what else there is takes far more now.
    await push(first, { "cart-1/render": 9000 }, [begin, end]);
    await until(async () => {
      const { alerts } = await list(second);
      return alerts.length === 0 ? true : undefined;
    });
    await until(() => Promise.resolve(webhook.told.length > 1 ? true : undefined));
    await until(async () => (await alertmanager.active()).length === 0 ? true : undefined);
    assertEquals(webhook.told.map(({ status, pod }) => [status, pod]), [["firing", "cart-1"], [
      "resolved",
      "cart-1",
    ]]);
    assert(webhook.refused > 2);
    const { changes } = await second.json("/api/alerts/history") as AlertHistoryJson;
    assertEquals(changes.map(({ alert }) => alert.state).reverse(), ["pending", "firing", "resolved"]);
  },
);
