// SPDX-License-Identifier: Apache-2.0
/**
 * `deno task metrics-page`: writes the tables of `docs/metrics.md` from the registries of both parts.
 *
 * @module
 */

import { Registry } from "prom-client";
import { AgentMetrics } from "../agent/metrics/metrics.ts";
import { AlertMetrics } from "../aggregator/alerts/metrics.ts";
import { StagingBuffer } from "../aggregator/buffer/staging_buffer.ts";
import { createHandler } from "../aggregator/http/handler.ts";
import { AggregatorMetrics } from "../aggregator/metrics.ts";
import { testSources } from "../tests/support/agent_metrics.ts";
import { testOptions } from "../tests/support/http_handler.ts";

const PAGE = new URL("../docs/metrics.md", import.meta.url);

/** Returns the registries by the heading that their table is below. */
export async function registries(): Promise<Readonly<Record<"Agent" | "Aggregator", Registry>>> {
  await using sources = testSources();
  await using buffer = await StagingBuffer.open();
  const { registry } = new AggregatorMetrics(buffer);
  new AlertMetrics(registry);
  createHandler(testOptions({ metrics: registry }));
  return { Agent: new AgentMetrics(sources).registry, Aggregator: registry };
}

/** Returns the rows of a table of what `registry` has, in its order. */
export async function rowsOf(registry: Registry): Promise<string[]> {
  const metrics = await registry.getMetricsAsJSON();
  return metrics.map(({ name, help, type }) => {
    const { labelNames } = registry.getSingleMetric(name) as unknown as { labelNames: readonly string[] };
    // The bounds of a histogram's buckets are a matter of its type.
    const labels = labelNames.filter((label) => label !== "le").map((label) => ` \`${label}\``).join();
    return `| \`${name}\` | ${type} |${labels} | ${help} |`;
  });
}

/** Returns where the rows of the first table below `heading` are in `page`. */
export function tableBelow(page: string, heading: string): { readonly from: number; readonly to: number } {
  const at = page.indexOf(`## ${heading}\n`);
  const table = /\n\n(?:\|.*\n){2}((?:\|.*\n)+)/.exec(page.slice(at))!;
  const to = at + table.index + table[0].length;
  return { from: to - table[1]!.length, to };
}

if (import.meta.main) {
  let page = await Deno.readTextFile(PAGE);
  for (const [heading, registry] of Object.entries(await registries())) {
    const { from, to } = tableBelow(page, heading);
    page = `${page.slice(0, from)}${(await rowsOf(registry)).join("\n")}\n${page.slice(to)}`;
  }
  await Deno.writeTextFile(PAGE, page);
  const { code } = await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", PAGE.pathname] })
    .output();
  Deno.exit(code);
}
