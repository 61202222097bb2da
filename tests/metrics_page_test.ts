// SPDX-License-Identifier: Apache-2.0
/**
 * `docs/metrics.md` beside the registries: it lists what both parts tell Prometheus, no more and no less. And what they
 * tell, as promtool and Prometheus's own parsers see it.
 */

import { assertEquals } from "@std/assert";
import { metricsText } from "../common/metrics.ts";
import { registries, rowsOf, tableBelow } from "../tasks/metrics_page.ts";
import { runProgram } from "./support/child.ts";
import { testWith } from "./support/needs.ts";
import { run, TempFolder } from "./support/programs.ts";

for (const heading of ["Agent", "Aggregator"] as const) {
  Deno.test(`docs/metrics.md lists the metrics of: ${heading} (deno task metrics-page writes it)`, async () => {
    const page = await Deno.readTextFile(new URL("../docs/metrics.md", import.meta.url));
    const { from, to } = tableBelow(page, heading);
    const rows = page.slice(from, to).trimEnd().split("\n").map((row) => row.replaceAll(/ +/g, " "));
    assertEquals(rows, await rowsOf((await registries())[heading]));
  });

  testWith(["promtool", "sh"], `promtool finds nothing to say about the metrics of: ${heading}`, async () => {
    using folder = new TempFolder();
    const { body } = await metricsText((await registries())[heading], null);
    const path = folder.write("metrics", body);
    const { code, stdout, stderr } = await runProgram("sh", ["-c", `promtool check metrics < ${path}`]);
    assertEquals([code, stdout + stderr], [0, ""]);
  });

  testWith(
    ["python3-prometheus-client"],
    `Prometheus's library reads the OpenMetrics of: ${heading}`,
    async () => {
      using folder = new TempFolder();
      const { body, type } = await metricsText(
        (await registries())[heading],
        "application/openmetrics-text;q=0.9",
      );
      assertEquals(type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
      const path = folder.write("metrics", body);
      run("/usr/bin/python3", [
        "-c",
        "import sys; from prometheus_client.openmetrics.parser import text_string_to_metric_families as p; " +
        "assert len(list(p(open(sys.argv[1]).read()))) > 20",
        path,
      ]);
    },
  );
}

const MONITORING = new URL("../deploy/monitoring/", import.meta.url).pathname;

testWith(["promtool"], "the alert rules are rules, and fire for what they are made for", () => {
  run("promtool", ["check", "rules", `${MONITORING}alerts.yml`]);
  run("promtool", ["test", "rules", `${MONITORING}alerts_test.yml`]);
});

/** Returns the names of metrics in an expression: what is no function, label or keyword. */
function metricsIn(expression: string): string[] {
  return [...expression.matchAll(/\b(?:aperture|process)_[a-z_]+/g)].map(([name]) => name);
}

testWith(["promtool"], "promtool parses what the dashboard asks", async () => {
  const { panels } = JSON.parse(await Deno.readTextFile(`${MONITORING}dashboard.json`)) as {
    panels: { targets: { expr: string }[] }[];
  };
  // Grafana fills in what has a dollar.
  const expressions = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))
    .map((expr) => expr.replaceAll("$__rate_interval", "5m").replaceAll("$__range", "1h"));
  const rules = expressions.map((expr, i) => ({ record: `dashboard:panel:${i}`, expr }));
  assertEquals(rules.length > 20, true);
  using folder = new TempFolder();
  const path = folder.write("rules.yml", JSON.stringify({ groups: [{ name: "dashboard", rules }] }));
  run("promtool", ["check", "rules", path]);
});

Deno.test("alerts and the dashboard ask for metrics that there are", async () => {
  const all = await registries();
  const known = new Set<string>();
  for (const registry of Object.values(all)) {
    for (const { name, type } of await registry.getMetricsAsJSON()) {
      known.add(name);
      if (String(type) === "histogram") {
        for (const end of ["bucket", "sum", "count"]) known.add(`${name}_${end}`);
      }
    }
  }
  const alerts = await Deno.readTextFile(`${MONITORING}alerts.yml`);
  const dashboard = JSON.parse(await Deno.readTextFile(`${MONITORING}dashboard.json`)) as {
    panels: { title: string; targets: { expr: string }[] }[];
  };
  const asked = [alerts, ...dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))]
    .flatMap(metricsIn);
  assertEquals(asked.length > 30, true);
  assertEquals(new Set(asked).difference(known), new Set());
});
