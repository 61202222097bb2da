// SPDX-License-Identifier: Apache-2.0
/**
 * The columns of alerts, of their rules and of what these say.
 *
 * @module
 */

import type {
  AlertEvaluationJson,
  AlertHistoryJson,
  AlertJson,
  ListedRuleJson,
} from "../../aggregator/http/answers.ts";
import { formatCount } from "../show/figures.ts";
import type { Column } from "../show/sheet.ts";

type Changed = AlertHistoryJson["changes"][number];

/** Gives an alert's column for what changed it. */
function ofAlert({ cell, value, ...column }: Column<AlertJson>): Column<Changed> {
  return {
    ...column,
    ...cell && { cell: ({ alert }: Changed) => cell(alert) },
    ...value && { value: ({ alert }: Changed) => value(alert) },
  };
}

/** Gives the columns of what began and ended. */
export function changeColumns(): Column<Changed>[] {
  return [
    {
      head: "AT",
      cell: ({ at }) => at.replace(/\.\d+Z$/, "Z"),
      text: true,
      key: "at",
      value: ({ at }) => at,
    },
    ...alertColumns().map((column) => ofAlert(column)),
  ];
}

function labelText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels).filter(([name]) => !["alertname", "severity"].includes(name))
    .map(([name, value]) => `${name}=${value}`).join(" ");
}

function figure(value: number | null): string {
  if (value === null) return "∞";
  return Math.abs(value) >= 100 ? formatCount(Math.round(value)) : value.toPrecision(3);
}

/** Gives the columns of what pends, fires or was resolved. */
export function alertColumns(): Column<AlertJson>[] {
  return [
    {
      head: "STATE",
      cell: ({ state, silenced }) => silenced ? `${state}, silenced` : state,
      text: true,
      key: "state",
      value: ({ state }) => state,
    },
    {
      head: "SEVERITY",
      cell: ({ labels }) => labels.severity ?? "",
      text: true,
      spare: 2,
      key: "severity",
      value: ({ labels }) => labels.severity ?? "",
    },
    { head: "RULE", cell: ({ rule }) => rule, text: true, least: 12, key: "rule", value: ({ rule }) => rule },
    { head: "VALUE", cell: ({ value }) => figure(value), key: "value", value: ({ value }) => value ?? "inf" },
    {
      head: "OF",
      cell: ({ labels }) => labelText(labels) || "–",
      text: true,
      least: 10,
      key: "labels",
      value: ({ labels }) => labelText(labels),
    },
    {
      head: "SINCE",
      cell: ({ started }) => started.replace(/\.\d+Z$/, "Z"),
      text: true,
      spare: 1,
      key: "started",
      value: ({ started }) => started,
    },
    { key: "silenced", value: ({ silenced }) => String(silenced) },
    { key: "url", value: ({ url }) => url },
  ];
}

/** Gives the columns of rules. */
export function ruleColumns(): Column<ListedRuleJson>[] {
  const field = (name: string) => ({ rule }: ListedRuleJson) =>
    String((rule as unknown as Record<string, unknown>)[name] ?? "");
  const column = (name: string, more: Partial<Column<ListedRuleJson>> = {}): Column<ListedRuleJson> => ({
    ...{ head: name.toUpperCase(), cell: field(name), text: true, key: name, value: field(name) },
    ...more,
  });
  return [
    { head: "FROM", cell: ({ source }) => source, text: true, key: "source", value: ({ source }) => source },
    column("enabled"),
    column("severity", { spare: 1 }),
    column("name", { least: 16 }),
    column("measure"),
    column("threshold"),
    column("match", { least: 8, spare: 2 }),
  ];
}

/** A group of a rule, measured. */
export type Checked = AlertEvaluationJson["groups"][number] & { readonly rule: string };

/** Gives the columns of what rules say now. */
export function checkColumns(): Column<Checked>[] {
  return [
    {
      head: "VERDICT",
      cell: ({ verdict }) => verdict,
      text: true,
      key: "verdict",
      value: ({ verdict }) => verdict,
    },
    {
      head: "VALUE",
      cell: ({ compared }) => figure(compared.value),
      key: "value",
      value: ({ compared }) => compared.value ?? "inf",
    },
    {
      head: "CHANCE",
      cell: ({ compared: { low, high } }) => `${figure(low)}–${figure(high)}`,
      spare: 1,
    },
    { key: "low", value: ({ compared }) => compared.low ?? "inf" },
    { key: "high", value: ({ compared }) => compared.high ?? "inf" },
    { head: "RULE", cell: ({ rule }) => rule, text: true, least: 12, key: "rule", value: ({ rule }) => rule },
    {
      head: "OF",
      cell: ({ labels }) => labelText(labels) || "–",
      text: true,
      least: 10,
      key: "labels",
      value: ({ labels }) => labelText(labels),
    },
  ];
}
