// SPDX-License-Identifier: Apache-2.0
/**
 * `aperture open`: the page's address for a selection.
 *
 * @module
 */

import { defineSettings, toggle } from "../../common/settings.ts";
import { UserError } from "../../common/main.ts";
import type { Kind } from "../../profile/model.ts";
import { SERVER_SETTINGS } from "../ask/rest.ts";
import { kindOf, paramsOf, questionOf, SELECTION_SETTINGS } from "../ask/selection.ts";
import { defineCommand, STATUS } from "../command.ts";
import { write } from "../io.ts";

/** Says which view of the page is about each kind. */
const VIEWS: Readonly<Record<Kind, string>> = { cpu: "cpu", lock: "locks", syscall: "calls" };

export const open = defineCommand({
  name: "open",
  group: "Ask an aggregator",
  summary: "The page's address for a selection",
  usage: "open [cpu|lock|syscall] [SELECTOR …] [--browser]",
  words: ["cpu", "lock", "syscall"],
  settings: defineSettings({
    browser: {
      flag: "browser",
      placeholder: "",
      help: "Show it in this machine's browser (xdg-open)",
      schema: toggle(),
    },
    ...SELECTION_SETTINGS,
    server: SERVER_SETTINGS.server,
  }),
  examples: [
    { line: "aperture open", does: "the address of the last 15 minutes" },
    { line: "aperture open cpu service=shop --since 1h", does: "of one service" },
    { line: "aperture open lock --idle", does: "waits, idle threads included" },
    {
      line: "aperture open --from 2026-01-31T12:00:00Z --to 2026-01-31T13:00:00Z",
      does: "of a time that stays",
    },
    { line: "aperture open syscall node=node-1", does: "calls of one node" },
  ],
  run: async ({ values, rest: args, io }) => {
    const { kind, words } = kindOf(args);
    const { from, to, match, idle } = paramsOf(questionOf(kind, words, values));
    const url = new URL(values.server);
    const view = VIEWS[kind as Kind] ?? "overview";
    // The page has a selector without its braces.
    const known = { view, from, to, match: String(match ?? "").slice(1, -1), idle: idle ? 1 : "", kind };
    for (const [name, value] of Object.entries(known)) if (value) url.searchParams.set(name, String(value));
    await write(io, `${url.href}\n`);
    if (values.browser) await show(url.href);
    return STATUS.ok;
  },
});

async function show(address: string): Promise<void> {
  try {
    const { success } = await new Deno.Command("xdg-open", { args: [address] }).output();
    if (!success) throw new UserError("Cannot show the page: xdg-open failed");
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new UserError("Cannot show the page as there is no xdg-open here: open the address yourself", {
      cause,
    });
  }
}
