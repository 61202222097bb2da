// SPDX-License-Identifier: Apache-2.0
/**
 * Lists the permissions of Deno that the aggregator needs, by what it was told to do.
 *
 * @module
 */

import { dirname } from "node:path";
import { type Need, needsNet, needsRead, needsRun, needsWrite } from "../common/permissions.ts";
import type { Address } from "../common/settings.ts";
import type { AggregatorConfig } from "./config.ts";

/** Returns one need for each thing that a run with `config` does outside of its own process. */
export function permissionsOf(config: AggregatorConfig): Need[] {
  const { clickhouseEndpoint, bufferPath, tlsCert, tlsKey } = config;
  const needs = [config.adminListen, config.listen].map((address) => {
    return needsNet(`listen on ${hostOf(address)}`, hostOf(address));
  });
  needs.push(
    needsRun("start the embedded engine, and what reads debug files and profiles of others", Deno.execPath()),
  );
  if (clickhouseEndpoint === undefined) {
    needs.push(needsNet("reach the embedded engine", "127.0.0.1"));
  } else {
    needs.push(needsNet("reach ClickHouse", hostPort(clickhouseEndpoint)));
  }
  if (bufferPath !== ":memory:") {
    const folder = dirname(bufferPath);
    needs.push(needsRead(`read '${bufferPath}'`, folder), needsWrite(`write '${bufferPath}'`, folder));
  }
  for (const url of [...config.alertmanagers ?? [], ...config.alertWebhooks ?? []]) {
    needs.push(needsNet("tell of alerts", hostPort(url)));
  }
  for (const path of [config.alertRules, config.alertWebhookTemplate]) {
    if (path !== undefined) needs.push(needsRead(`read '${path}'`, path));
  }
  for (const path of [tlsCert, tlsKey]) if (path !== undefined) needs.push(needsRead(`read '${path}'`, path));
  return needs;
}

function hostOf({ hostname, port }: Address): string {
  return `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}

function hostPort({ hostname, port, protocol }: URL): string {
  return `${hostname}:${port || (protocol === "https:" ? "443" : "80")}`;
}
