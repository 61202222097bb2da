// SPDX-License-Identifier: Apache-2.0
/**
 * `aperture alerts`: what fires, by which rules, and what a rule would say.
 *
 * @module
 */

import { parse } from "@std/yaml/parse";
import type { AlertEvaluationJson, AlertHistoryJson, AlertsJson } from "../../aggregator/http/answers.ts";
import { closestWord } from "../../common/closest.ts";
import { UserError } from "../../common/main.ts";
import { defineSettings, text, toggle, UsageError, type Values } from "../../common/settings.ts";
import { formatMoment } from "../ask/moment.ts";
import { RefusedError, type Rest, SERVER_SETTINGS } from "../ask/rest.ts";
import { rangeOf, TIME_SETTINGS } from "../ask/selection.ts";
import { defineCommand, refuseRest, STATUS } from "../command.ts";
import { type Io, say } from "../io.ts";
import { limitSettings, outputSettings, ROW_FORMATS, show } from "../show/output.ts";
import { alertColumns, changeColumns, checkColumns, ruleColumns } from "./alert_columns.ts";
import { withRest } from "./asking.ts";

const ACTIONS = ["list", "rules", "add", "remove", "toggle", "history", "check", "silence"] as const;
/** A file of rules has so many bytes at most. */
const MAX_FILE = 1 << 20;

const SETTINGS = defineSettings({
  replace: {
    flag: "replace",
    placeholder: "",
    help: "With add: change rules that are there already, rather than to refuse",
    schema: toggle(),
  },
  for: { flag: "for", placeholder: "TIME", help: "With silence: so long", default: "2h", schema: text() },
  comment: { flag: "comment", placeholder: "TEXT", help: "With silence: why", schema: text() },
  ...TIME_SETTINGS,
  ...limitSettings(100),
  ...outputSettings(ROW_FORMATS),
  ...SERVER_SETTINGS,
});

type Given = Values<typeof SETTINGS>;

interface Asker {
  readonly io: Io;
  readonly rest: Rest;
  readonly values: Given;
}

export const alerts = defineCommand({
  name: "alerts",
  group: "Ask an aggregator",
  summary: "What fires, by which rules; add, check and silence them",
  usage:
    "alerts [list | rules | add FILE | remove NAME | toggle NAME on|off | history [NAME] | check FILE|NAME | silence LABEL=VALUE …]",
  about:
    `Files are YAML with a list of rules, as docs/alerts.md has them. check measures now, begins no alert, and ends
with 3 where a threshold is passed. What changes anything needs a token of scope admin.`,
  words: ACTIONS,
  settings: SETTINGS,
  examples: [
    { line: "aperture alerts", does: "alerts that pend, fire or were just resolved" },
    { line: "aperture alerts add rules.yml --replace", does: "the rules of a file" },
    { line: "aperture alerts check rules.yml", does: "what they would say now; 3 where one would fire" },
    { line: "aperture alerts toggle 'Parser grew' off", does: "switch a rule off" },
    { line: "aperture alerts history --since 1d", does: "what began and ended" },
  ],
  run: async ({ values, rest: [action = "list", ...args], io }) => {
    const known = ACTIONS.find((each) => each === action);
    if (!known) {
      const meant = closestWord(action, ACTIONS);
      throw new UsageError(
        `Unknown action '${action}': ${
          meant ? `did you mean '${meant}'?` : `it is not one of ${ACTIONS.join(", ")}`
        }`,
      );
    }
    return await withRest(values, io, (rest) => DO[known]({ io, rest, values }, args));
  },
});

const DO: Readonly<
  Record<(typeof ACTIONS)[number], (asker: Asker, args: readonly string[]) => Promise<number>>
> = {
  list,
  rules,
  add,
  remove,
  toggle: switchRule,
  history,
  check,
  silence,
};

async function list({ io, rest, values }: Asker, args: readonly string[]): Promise<number> {
  refuseRest(args);
  const json = await rest.get("/api/alerts");
  const { rules, alerts, silences } = JSON.parse(json) as AlertsJson;
  const firing = alerts.filter(({ state }) => state === "firing").length;
  await show(io, {
    ...{ format: values.output, quiet: values.quiet, json },
    head: `${firing} firing, ${
      alerts.length - firing
    } other alerts · ${rules.length} rules · ${silences.length} silences`,
    sheet: { columns: alertColumns(), rows: alerts.slice(0, values.limit) },
    notes: alerts.length > values.limit ? [`${alerts.length - values.limit} more: -n shows more`] : [],
  });
  return STATUS.ok;
}

async function rules({ io, rest, values }: Asker, args: readonly string[]): Promise<number> {
  refuseRest(args);
  const json = await rest.get("/api/alerts");
  const { rules } = JSON.parse(json) as AlertsJson;
  await show(io, {
    ...{ format: values.output, quiet: values.quiet, json },
    head: `${rules.length} rules`,
    sheet: { columns: ruleColumns(), rows: rules.slice(0, values.limit) },
    notes: rules.length > values.limit ? [`${rules.length - values.limit} more: -n shows more`] : [],
  });
  return STATUS.ok;
}

async function add({ io, rest, values }: Asker, args: readonly string[]): Promise<number> {
  const [file] = oneOf(args, "FILE");
  for (const rule of await rulesOf(file)) {
    const name = String(rule.name);
    const added = values.replace ? await put(rest, rule, name) : await posted(rest, rule);
    await say(io, `${added}: ${name}`, { quiet: values.quiet });
  }
  return STATUS.ok;
}

async function posted(rest: Rest, rule: unknown): Promise<string> {
  await rest.send("/api/alerts", rule);
  return "added";
}

/** Has the rule be as it is, whether there is one of that name or not. */
async function put(rest: Rest, rule: unknown, name: string): Promise<string> {
  if (await replaced(rest, rule, name)) return "changed";
  try {
    return await posted(rest, rule);
  } catch (error) {
    // Somebody else may have added it in between.
    if (error instanceof RefusedError && await replaced(rest, rule, name)) return "changed";
    throw error;
  }
}

/** Returns whether there was a rule of that name. */
async function replaced(rest: Rest, rule: unknown, name: string): Promise<boolean> {
  try {
    await rest.send("/api/alerts", rule, { method: "PUT", params: { name } });
    return true;
  } catch (error) {
    if (error instanceof RefusedError && error.status === 404) return false;
    throw error;
  }
}

async function remove({ io, rest, values }: Asker, args: readonly string[]): Promise<number> {
  const [name] = oneOf(args, "NAME");
  await rest.send("/api/alerts", undefined, { method: "DELETE", params: { name } });
  await say(io, `removed: ${name}`, { quiet: values.quiet });
  return STATUS.ok;
}

async function switchRule({ io, rest, values }: Asker, args: readonly string[]): Promise<number> {
  const [name, state] = args;
  if (name === undefined || (state !== "on" && state !== "off")) {
    throw new UsageError("Missing arguments: aperture alerts toggle NAME on|off");
  }
  refuseRest(args, 2);
  await rest.send("/api/alerts/toggle", { name, enabled: state === "on" });
  await say(io, `${state}: ${name}`, { quiet: values.quiet });
  return STATUS.ok;
}

async function history({ io, rest, values }: Asker, args: readonly string[]): Promise<number> {
  refuseRest(args, 1);
  const { from, to } = rangeOf(values);
  const params = { from: formatMoment(from), to: formatMoment(to), rule: args[0], limit: values.limit };
  const json = await rest.get("/api/alerts/history", params);
  const { changes } = JSON.parse(json) as AlertHistoryJson;
  await show(io, {
    ...{ format: values.output, quiet: values.quiet, json },
    head: `${changes.length} changes of alerts`,
    sheet: {
      columns: changeColumns(),
      rows: changes,
    },
    notes: changes.length === values.limit
      ? [`There may be more than these ${values.limit}: -n shows more`]
      : [],
  });
  return STATUS.ok;
}

async function check({ io, rest, values }: Asker, args: readonly string[]): Promise<number> {
  const [what] = oneOf(args, "FILE|NAME");
  const bodies = /\.(ya?ml|json)$/.test(what)
    ? (await rulesOf(what)).map((rule) => ({ rule }))
    : [{ name: what }];
  const answers: AlertEvaluationJson[] = [];
  for (const body of bodies) answers.push(JSON.parse(await rest.send("/api/alerts/evaluate", body)));
  const rows = answers.flatMap(({ rule, groups }) => groups.map((group) => ({ rule: rule.name, ...group })));
  const over = rows.filter(({ verdict }) => verdict === "over").length;
  const cut = answers.reduce((sum, { cut }) => sum + cut, 0);
  await show(io, {
    ...{ format: values.output, quiet: values.quiet, json: JSON.stringify(answers) },
    head: `${answers.length} rules · ${rows.length} groups · ${over} over their threshold`,
    sheet: { columns: checkColumns(), rows: rows.slice(0, values.limit) },
    notes: cut > 0 ? [`${cut} groups more are beyond the rules' bounds`] : [],
  });
  return over > 0 ? STATUS.met : STATUS.ok;
}

async function silence({ io, rest, values }: Asker, args: readonly string[]): Promise<number> {
  const labels = Object.fromEntries(args.map((arg) => {
    const at = arg.indexOf("=");
    if (at < 1) throw new UsageError(`Cannot silence by '${arg}' as it is not like alertname=NAME`);
    return [arg.slice(0, at), arg.slice(at + 1)];
  }));
  if (args.length === 0) throw new UsageError("Missing labels: aperture alerts silence alertname=NAME");
  const comment = values.comment === undefined ? {} : { comment: values.comment };
  await rest.send("/api/alerts/silence", { labels, for: values.for, ...comment });
  await say(io, `silenced for ${values.for}: ${args.join(" ")}`, { quiet: values.quiet });
  return STATUS.ok;
}

function oneOf(args: readonly string[], what: string): [string] {
  if (args[0] === undefined) throw new UsageError(`Missing an argument: ${what}`);
  refuseRest(args, 1);
  return [args[0]];
}

/** Returns the rules of a YAML or JSON file; the aggregator says what is wrong with one. @throws {UserError} */
async function rulesOf(path: string): Promise<Record<string, unknown>[]> {
  let document: unknown;
  try {
    const bytes = await Deno.readFile(path);
    if (bytes.length > MAX_FILE) {
      throw new Error(`it has ${bytes.length} bytes, and ${MAX_FILE} are read at most`);
    }
    document = parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new UserError(`Cannot read ${path}: ${(cause as Error).message}`, { cause });
  }
  const isMap = (value: unknown): value is Record<string, unknown> =>
    typeof value === "object" && value !== null && !Array.isArray(value);
  const list = isMap(document) && Array.isArray(document.rules) ? document.rules : [document];
  if (list.every(isMap)) return list;
  throw new UserError(`Cannot read ${path} as it has no list of rules`);
}
