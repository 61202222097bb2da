// SPDX-License-Identifier: Apache-2.0
/**
 * The example rules: the file is one, and storage answers each.
 */

import { assert, assertEquals } from "@std/assert";
import { judgeAll } from "../aggregator/alerts/evaluate.ts";
import { Measurer } from "../aggregator/alerts/measure.ts";
import { annotationsOf } from "../aggregator/alerts/message.ts";
import { isOwnMeasure, MEASURES } from "../aggregator/alerts/rule.ts";
import { parseRuleFile } from "../aggregator/alerts/rule_file.ts";
import { Writer } from "../aggregator/storage/writer.ts";
import { testWith } from "../tests/support/needs.ts";
import { SteadyFleet } from "../tests/support/steady_fleet.ts";
import { startStorage } from "../tests/support/storage.ts";

const PATH = new URL("monitoring/profile_alerts.yml", import.meta.url);
const GUIDE = new URL("../docs/alerts.md", import.meta.url);

Deno.test("docs/alerts.md names each measure, and its example is a rule", async () => {
  const guide = await Deno.readTextFile(GUIDE);
  for (const measure of MEASURES) assert(guide.includes(`| \`${measure}\` `), measure);
  const [, yaml] = /```yaml\n([^]*?)```/.exec(guide)!;
  assertEquals(parseRuleFile(yaml!, "alerts.md").length, 1);
});

testWith(["chdb"], "the example rules are rules, which storage answers", async () => {
  const rules = parseRuleFile(await Deno.readTextFile(PATH), "profile_alerts.yml");
  assert(rules.length >= 12);
  await using storage = await startStorage();
  const now = Math.floor(Date.now() / 10_000) * 10_000;
  const fleet = new SteadyFleet(1, now);
  const samples = { parse_json: 100, _int_malloc: 100, render: 800 };
  const batches = Array.from({ length: 60 }, (_, i) => {
    const startMs = now - 30_000 - i * 10_000;
    const waits = { count: 10, ns: 1_000_000 };
    return fleet.window({ node: "n1", startMs, samples, waits, calls: { count: 100, ns: 1000, failed: 1 } });
  });
  await new Writer(storage.client).write({ token: "one", batches });
  const measurer = new Measurer(storage.client);
  const answered = new Map<string, string>();
  for (const rule of rules.filter(({ measure }) => !isOwnMeasure(measure))) {
    const measured = await measurer.measure(rule, now);
    for (const group of judgeAll(rule, measured)) {
      assert(annotationsOf(rule, group)["summary"]!.length > 10);
      answered.set(rule.name, group.verdict);
    }
  }
  // Those that are about what this fleet does say something of it, and nothing of it is wrong.
  assertEquals(answered.get("Allocator takes much of the time"), "under");
  assertEquals(answered.get("Threads queue for locks"), "under");
  assertEquals(answered.get("Agents are silent"), "under");
  assertEquals([...answered.values()].includes("over"), false);
});
