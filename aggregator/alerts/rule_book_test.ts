// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { delay } from "@std/async/delay";
import { TempFolder } from "../../tests/support/programs.ts";
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
  while (said.length < 1) await delay(5);
  assertEquals([thresholds(), said], [[2], [true]]);
  // Of two rules the first is sound: neither counts.
  await Deno.writeTextFile(path, `${FILE.replace("1 }", "3 }, { name: Two }")}`);
  while (said.length < 2) await delay(5);
  assertEquals([thresholds(), said[1]], [[2], false]);
  await Deno.writeTextFile(path, FILE);
  while (said.at(-1) === false) await delay(5);
  assertEquals(thresholds(), [1]);
});
