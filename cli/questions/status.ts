// SPDX-License-Identifier: Apache-2.0
/**
 * `aperture status`: who sends, what is lost, and whether data are stored.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import { delay } from "@std/async/delay";
import type { FleetJson, HealthJson, StoreJson } from "../../aggregator/http/answers.ts";
import { defineSettings, duration, integer, toggle } from "../../common/settings.ts";
import { lossesText, splitLosses } from "../../profile/losses.ts";
import { lasting } from "../../common/words.ts";
import { RefusedError, type Rest, SERVER_SETTINGS } from "../ask/rest.ts";
import { defineCommand, refuseRest, STATUS } from "../command.ts";
import { type Io, write } from "../io.ts";
import { formatCount, part } from "../show/figures.ts";
import { outputSettings, show } from "../show/output.ts";
import type { Column } from "../show/sheet.ts";
import { withRest } from "./asking.ts";

type Agent = FleetJson["agents"][number];

const SETTINGS = defineSettings({
  watch: {
    flag: "watch",
    alias: "w",
    placeholder: "",
    help: "Again and again, until Ctrl-C",
    schema: toggle(),
  },
  interval: {
    flag: "interval",
    alias: "i",
    placeholder: "TIME",
    help: "How often, with --watch",
    default: "2s",
    schema: duration(100, 3_600_000, { seconds: true }),
  },
  count: {
    flag: "count",
    placeholder: "N",
    help: "So many times, with --watch",
    schema: integer(1, 1_000_000),
  },
  since: {
    flag: "since",
    placeholder: "TIME",
    help: "Agents of the last so long",
    default: "15m",
    schema: duration(1000),
  },
  ...outputSettings(["table", "wide", "json", "csv", "tsv"]),
  ...SERVER_SETTINGS,
});

export const status = defineCommand({
  name: "status",
  group: "Ask an aggregator",
  summary: "Agents, losses in words, storage; 1 when data are not being stored",
  usage: "status [--watch]",
  settings: SETTINGS,
  examples: [
    { line: "aperture status", does: "the aggregator and its agents" },
    { line: "aperture status --watch --count 2", does: "twice; without --count until Ctrl-C" },
    { line: "aperture status --since 1d -o wide", does: "all agents of a day" },
    { line: "aperture status -o json", does: "health, agents and tables as REST has them" },
    {
      line: "aperture status -q -o tsv > agents.tsv",
      does: "a table for a script; the exit status says the rest",
    },
  ],
  run: async ({ values, rest: args, io }) => {
    refuseRest(args);
    return await withRest(values, io, async (rest) => {
      let ended = await report(io, rest, values);
      const most = values.watch ? values.count ?? Infinity : 1;
      for (let shown = 1; shown < most && await pause(values.interval, io.signal); shown++) {
        if (io.terminal) await write(io, "\x1b[H\x1b[2J");
        ended = await report(io, rest, values);
      }
      return ended;
    });
  },
});

/** Waits for `ms`; false when the signal aborts meanwhile. */
async function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  return await delay(ms, { signal }).then(() => true, () => false);
}

async function report(
  io: Io,
  rest: Rest,
  { output, quiet, since }: {
    output: "table" | "wide" | "json" | "csv" | "tsv";
    quiet?: boolean | undefined;
    since: number;
  },
): Promise<number> {
  const health = await rest.json<HealthJson>("/api/health");
  const failing = health.storage.failing_since !== null;
  const stored = failing ? undefined : await storedOf(rest, { health, since });
  const { fleet, store } = stored ?? {};
  const agents = fleet?.agents ?? [];
  const words =
    `${health.status} · version ${health.version} · up ${lasting(health.uptime_seconds * 1000)} · ` +
    `storage ${health.storage.mode}${store ? `, ${size(store)}` : ""}` +
    (fleet ? ` · ${formatCount(agents.length)} agents` : "");
  await show(io, {
    format: output,
    quiet,
    head: words,
    sheet: { columns: columnsOf(io.now()), rows: agents },
    json: JSON.stringify({ health, agents, store: store ?? null }),
    notes: [
      ...health.problems.map(({ part, message }) => `${part}: ${message}`),
      ...health.buffer.batches > 0 ? [`${formatCount(health.buffer.batches)} batches wait to be stored`] : [],
      ...health.buffer.quarantined_batches > 0
        ? [
          `${
            formatCount(health.buffer.quarantined_batches)
          } batches were refused by storage, and are set aside`,
        ]
        : [],
      ...fleet && agents.length === 0 ? ["No agent has sent anything in this time"] : [],
    ],
  });
  const refuses = health.problems.some(({ part }) => part === "buffer");
  return stored && !refuses ? STATUS.ok : STATUS.failed;
}

/** Returns what storage knows; `undefined` where it does not answer, and the aggregator said so before. */
async function storedOf(
  rest: Rest,
  { health, since }: { health: HealthJson; since: number },
): Promise<{ fleet: FleetJson; store: StoreJson } | undefined> {
  try {
    const [fleet, store] = await Promise.all([
      rest.json<FleetJson>("/api/fleet", { from: `-${since}ms`, limit: 10_000 }),
      rest.json<StoreJson>("/api/store"),
    ]);
    return { fleet, store };
  } catch (error) {
    const said = health.problems.some(({ part }) => part === "storage");
    if (said && error instanceof RefusedError && error.status === STATUS_CODE.ServiceUnavailable) {
      return undefined;
    }
    throw error;
  }
}

function size({ tables, disk }: StoreJson): string {
  const bytes = tables.reduce((sum, table) => sum + table.bytes, 0);
  const kept = bytes >= 2 ** 30
    ? `${(bytes / 2 ** 30).toFixed(1)} GiB`
    : `${(bytes / 2 ** 20).toFixed(2)} MiB`;
  return `${kept}, ${part(disk.free, disk.total)} of its disk free`;
}

function columnsOf(now: number): Column<Agent>[] {
  const whole = ({ stack_ends }: Agent) => {
    const all = Object.values(stack_ends).reduce((a, b) => a + b, 0);
    return part(stack_ends.complete ?? 0, all);
  };
  const losses = (agent: Agent) => new Map(Object.entries(agent.losses));
  const lost = (agent: Agent) => splitLosses(losses(agent)).lost.values().reduce((a, b) => a + b, 0);
  return [
    { head: "NODE", cell: ({ node }) => node, text: true, least: 12, key: "node", value: ({ node }) => node },
    {
      head: "LAST",
      cell: ({ last_end }) => `${lasting(Math.max(0, now - Date.parse(last_end)))} ago`,
      key: "last_end",
      value: ({ last_end }) => last_end,
    },
    {
      head: "BATCHES",
      cell: ({ batches }) => formatCount(batches),
      spare: 2,
      key: "batches",
      value: ({ batches }) => batches,
    },
    { head: "WHOLE", cell: whole, spare: 3 },
    {
      head: "AGENT CPU",
      cell: ({ usage }) => usage ? part(usage.cores, 1) : "–",
      spare: 3,
      key: "agent_cores",
      value: ({ usage }) => usage?.cores ?? "",
    },
    {
      head: "MEMORY",
      cell: ({ usage }) => usage ? `${(usage.memory_bytes / 2 ** 20).toFixed(0)} MiB` : "–",
      spare: 3,
      key: "agent_memory_bytes",
      value: ({ usage }) => usage?.memory_bytes ?? "",
    },
    {
      head: "VERSION",
      cell: ({ version }) => version,
      spare: 4,
      key: "version",
      value: ({ version }) => version,
    },
    { key: "lost", value: lost },
    {
      head: "LOSSES",
      cell: (agent) => lossesText(losses(agent)),
      text: true,
      least: 12,
      key: "losses",
      value: (agent) => lossesText(losses(agent)),
    },
    { key: "agent_id", value: ({ agent_id }) => agent_id },
  ];
}
