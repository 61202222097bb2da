// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { TempFolder } from "../../tests/support/programs.ts";
import { until } from "../../tests/support/until.ts";
import { RuleBook } from "./rule_book.ts";
import type { StoredRules } from "./stored_rules.ts";

const FILE = "rules: [{ name: One, measure: cores, threshold: 1 }]\n";
/** Storage is asked for nothing here. */
const NO_STORAGE = {} as StoredRules;

Deno.test("RuleBook reads its file again when it changes, and keeps what was where that is wrong", async () => {
  using folder = new TempFolder();
  const path = folder.write("rules.yml", FILE);
  const said: boolean[] = [];
  using book = await RuleBook.open(NO_STORAGE, { path, onFile: (ok) => said.push(ok), intervalMs: 5 });
  const thresholds = () => book.known.map(({ rule }) => rule.threshold);
  assertEquals(thresholds(), [1]);
  await Deno.writeTextFile(path, FILE.replace("1 }", "2 }"));
  await until(() => said.length > 0);
  assertEquals([thresholds(), said], [[2], [true]]);
  // Of two rules the first is sound: neither counts.
  await Deno.writeTextFile(path, `${FILE.replace("1 }", "3 }, { name: Two }")}`);
  await until(() => said.length > 1);
  assertEquals([thresholds(), said], [[2], [true, false]]);
  // What was there before is put back.
  await Deno.writeTextFile(path, FILE.replace("1 }", "2 }"));
  await until(() => said.length > 2);
  assertEquals([thresholds(), said], [[2], [true, false, true]]);
});
