// SPDX-License-Identifier: Apache-2.0
/**
 * `deno task bench`: what Aperture costs, beside rivals that run in the same minute on the same machine.
 *
 * The table's last column is what to look at: absolute figures are those of this machine at this hour.
 *
 * @module
 */

import { print, run, UserError } from "../common/main.ts";
import { formatTable, type Row } from "./row.ts";

/**
 * Each is in a file of its own; a part's name chooses it on the command line, and `store=1000000` or `lock=1` says how much of it.
 */
const PARTS: Readonly<Record<string, () => Promise<{ rows(option?: string): Promise<Row[]> }>>> = {
  wire: () => import("./wire.ts"),
  staging: () => import("./staging.ts"),
  engine: () => import("./engine.ts"),
  fleet: () => import("./fleet.ts"),
  pushes: () => import("./pushes.ts"),
  syscall: () => import("./syscall.ts"),
  agent: () => import("./agent.ts"),
  lock: () => import("./lock.ts"),
  page: () => import("./page.ts"),
  names: () => import("./names.ts"),
  store: () => import("./store.ts"),
};

async function main(): Promise<number> {
  // A store of the size that its figures are of takes half an hour.
  const all = Object.keys(PARTS).filter((name) => name !== "store");
  const names = Deno.args.length > 0 ? Deno.args : all;
  const rows: Row[] = [];
  for (const given of names) {
    const [name, option] = given.split("=") as [string, string?];
    const load = PARTS[name];
    if (!load) throw new UserError(`Unknown part '${name}': there are ${Object.keys(PARTS).join(", ")}`);
    await print(Deno.stderr, `measuring ${name}\n`);
    rows.push(...await (await load()).rows(option));
  }
  await print(Deno.stdout, formatTable(rows));
  return 0;
}

if (import.meta.main) await run("bench", main);
