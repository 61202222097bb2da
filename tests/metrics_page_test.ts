/**
 * `docs/metrics.md` beside the registries: it lists what both parts tell Prometheus, no more and no less.
 */

import { assertEquals } from "@std/assert";
import { Registry } from "prom-client";
import { AgentMetrics } from "../agent/metrics/metrics.ts";
import { testSources } from "./support/agent_metrics.ts";
import { StagingBuffer } from "../aggregator/buffer/staging_buffer.ts";
import { createHandler } from "../aggregator/http/handler.ts";
import { testOptions } from "./support/http_handler.ts";
import { AggregatorMetrics } from "../aggregator/metrics.ts";

/** Returns the rows of the first table below `heading`, without the spaces that line it up. */
async function tableBelow(heading: string): Promise<string[]> {
  const page = await Deno.readTextFile(new URL("../docs/metrics.md", import.meta.url));
  const from = page.slice(page.indexOf(`## ${heading}\n`));
  return /\n\n((?:\|.*\n)+)/.exec(from)![1]!.trimEnd().split("\n").slice(2)
    .map((row) => row.replaceAll(/ +/g, " ")).sort();
}

async function rowsOf(registry: Registry): Promise<string[]> {
  const metrics = await registry.getMetricsAsJSON();
  return metrics.map(({ name, help, type }) => {
    const { labelNames } = registry.getSingleMetric(name) as unknown as { labelNames: readonly string[] };
    // The bounds of a histogram's buckets are a matter of its type.
    const labels = labelNames.filter((label) => label !== "le").map((label) => ` \`${label}\``).join();
    return `| \`${name}\` | ${type} |${labels} | ${help} |`;
  }).sort();
}

Deno.test("docs/metrics.md lists the agent's metrics", async () => {
  await using sources = testSources();
  assertEquals(await tableBelow("Agent"), await rowsOf(new AgentMetrics(sources).registry));
});

Deno.test("docs/metrics.md lists the aggregator's metrics", async () => {
  await using buffer = await StagingBuffer.open();
  const { registry } = new AggregatorMetrics(buffer);
  createHandler(testOptions({ metrics: registry }));
  assertEquals(await tableBelow("Aggregator"), await rowsOf(registry));
});
