// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { delay } from "@std/async/delay";
import { Registry } from "prom-client";
import { TempFolder } from "../../tests/support/programs.ts";
import { testWith } from "../../tests/support/needs.ts";
import { startStorage } from "../../tests/support/storage.ts";
import { until } from "../../tests/support/until.ts";
import { StorageClient } from "../storage/client.ts";
import { Alerts, type AlertsOptions } from "./alerts.ts";
import type { OwnReading } from "./own_figures.ts";
import { RuleBookError } from "./rule_book.ts";
import { parseRule } from "./rule_schema.ts";

const CALM: OwnReading = {
  ...{ bufferUtilization: 0.1, pendingRows: 0, pushOk: 0, pushErrors: 0, flushErrors: 0, events: 0 },
};

const FILE = `rules:
  - name: Full
    measure: buffer_utilization
    threshold: 80%
    for: 0s
`;

function optionsOf(client: StorageClient, more: Partial<AlertsOptions> = {}): AlertsOptions {
  return {
    client,
    name: "here:9090",
    registry: new Registry(),
    figures: () => CALM,
    problem: () => Promise.resolve(undefined),
    capture: false,
    // Within two of them a turn has an outcome, or none: on a busy machine each question takes a part of a second.
    intervalMs: 3000,
    publicUrl: new URL("http://aperture.test"),
    ...more,
  };
}

Deno.test("an aggregator tells of itself while storage is away", async () => {
  using folder = new TempFolder();
  // Nothing listens there.
  await using client = new StorageClient({ url: "http://127.0.0.1:9", timeout: 1000 });
  const told: { status: string; labels: Record<string, string> }[] = [];
  await using webhook = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    told.push(await request.json());
    return new Response();
  });
  let figures = CALM;
  await using _alerts = await Alerts.start(optionsOf(client, {
    figures: () => figures,
    intervalMs: 100,
    problem: () => Promise.resolve("It is away"),
    rulesPath: folder.write("rules.yml", FILE),
    webhooks: [new URL(`http://127.0.0.1:${webhook.addr.port}`)],
  }));
  figures = { ...CALM, bufferUtilization: 0.9 };
  await until(() => told.length > 0);
  figures = CALM;
  await until(() => told.length > 1);
  assertEquals(told.map(({ status }) => status), ["firing", "resolved"]);
  assertEquals(told[0]!.labels, { alertname: "Full", severity: "warning", aggregator: "here:9090" });
});

// The client of ClickHouse leaves the timer of an idle socket behind where a question was given up.
const OPTIONS = { sanitizeOps: false, sanitizeResources: false };

testWith(["chdb"], "rules come by file and by REST, and outlive an aggregator", async (t) => {
  using folder = new TempFolder();
  await using storage = await startStorage();
  const path = folder.write("rules.yml", FILE);
  const { signal } = new AbortController();
  const registry = new Registry();
  const always = parseRule({
    name: "Always",
    measure: "rate",
    operator: "gte",
    threshold: 0,
    min_samples: 0,
    noise: 0,
    for: "0s",
  });

  await t.step(
    "create(), change(), toggle and remove(); a rule of the file is changed in the file",
    async () => {
      let figures = CALM;
      await using alerts = await Alerts.start(
        optionsOf(storage.client, { rulesPath: path, registry, figures: () => figures }),
      );
      const names = async () =>
        (await alerts.rules(signal)).map(({ rule, source }) => `${source} ${rule.name}`);
      assertEquals(await names(), ["file Full"]);
      await alerts.create(always);
      assertEquals(await names(), ["file Full", "api Always"]);
      await assertRejects(() => alerts.create(always), RuleBookError, "there is one of this name");
      await assertRejects(() => alerts.create({ ...always, name: "Full" }), RuleBookError, "there is one");
      await assertRejects(
        () => alerts.remove("Full"),
        RuleBookError,
        "in APERTURE_ALERT_RULES: change it there",
      );
      await assertRejects(() => alerts.change("None", always), RuleBookError, "No such rule: 'None'");
      const stateOf = async (rule: string) => {
        const { alerts: all } = await alerts.state(signal);
        return all.find((alert) => alert.rule === rule)?.state;
      };
      await until(async () => await stateOf("Always") === "firing");
      figures = { ...CALM, bufferUtilization: 1 };
      await until(async () => await stateOf("Full") === "firing");
      // A rule that is switched off ends its alert; of another name it begins one of its own.
      await alerts.change("Always", { ...always, enabled: false });
      await until(async () => await stateOf("Always") === undefined);
      await alerts.change("Always", { ...always, name: "Renamed" });
      await until(async () => await stateOf("Renamed") === "firing");
      assertEquals(await names(), ["file Full", "api Renamed"]);
      const { groups } = await alerts.evaluate(always, signal);
      assertEquals(groups.map(({ verdict }) => verdict), ["over"]);
      const silence = {
        id: "1",
        labels: { alertname: "Renamed" },
        comment: "Known",
        untilMs: Date.now() + 86_400_000,
      };
      await alerts.silence(silence);
      assertEquals((await alerts.state(signal)).silences, [silence]);
    },
  );

  await t.step("the next aggregator finds rules, alerts and silences as they were", async () => {
    const figures = () => ({ ...CALM, bufferUtilization: 1 });
    await using alerts = await Alerts.start(optionsOf(storage.client, { rulesPath: path, figures }));
    const before = await alerts.history({ from: 0, to: Date.now() + 1000, limit: 100 }, signal);
    assertEquals((await alerts.rules(signal)).map(({ rule }) => rule.name), ["Full", "Renamed"]);
    assertEquals((await alerts.state(signal)).silences.length, 1);
    await alerts.remove("Renamed");
    const resolved = await until(async () => {
      const changes = await alerts.history(
        { from: 0, to: Date.now() + 1000, limit: 100, rule: "Renamed" },
        signal,
      );
      return changes.length > 1 ? changes : undefined;
    });
    assertEquals(resolved.map(({ alert }) => alert.state), ["resolved", "firing"]);
    const all = await alerts.history({ from: 0, to: Date.now() + 1000, limit: 100 }, signal);
    // Its own alert was there before, and is the same.
    assertEquals(all.filter(({ alert }) => alert.rule === "Full").length, 1);
    assertEquals(all.length, before.length + 1);
  });

  await t.step("a file that has an error changes nothing, and is said", async () => {
    await using alerts = await Alerts.start(
      optionsOf(storage.client, { rulesPath: path, registry: new Registry() }),
    );
    await Deno.writeTextFile(path, FILE.replace("80%", "much"));
    await delay(0);
    assertEquals((await alerts.rules(signal)).map(({ rule }) => rule.name), ["Full"]);
    const start = () =>
      Alerts.start(optionsOf(storage.client, { rulesPath: path, registry: new Registry() }));
    await assertRejects(start, Error, "at line 4: rule 1: Cannot parse 'threshold'");
    const template = folder.write("template.json", "{{nothing}}");
    const options = optionsOf(storage.client, { templatePath: template, registry: new Registry() });
    const { message } = await assertRejects(() => Alerts.start(options), Error);
    assertStringIncludes(message, "'{{nothing}}' is not one of");
  });
}, OPTIONS);
