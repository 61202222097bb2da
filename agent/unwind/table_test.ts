// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { RULE_NONE } from "./rules.ts";
import { PAGE_BYTES, ruleAt, TableBuilder, type UnwindTable } from "./table.ts";

const RULES = new Int32Array(8);

function tableOf(steps: readonly (readonly [address: number, rule: number])[]): UnwindTable {
  const builder = new TableBuilder();
  for (const [address, rule] of steps) builder.set(address, rule);
  return builder.finish(RULES);
}

/** Addresses near each other and near the borders of pages, up to the end of user space. */
const address = fc.oneof(
  fc.nat(300_000),
  fc.nat(10).map((n) => n * PAGE_BYTES),
  fc.nat(10).map((n) => n * PAGE_BYTES + PAGE_BYTES - 1),
  fc.nat(300_000).map((n) => 2 ** 47 - 300_001 + n),
);
/** They are ascending; the gap to the far addresses is without a rule, or each of its pages would be in the table. */
const steps = fc.uniqueArray(fc.tuple(address, fc.nat(4)), { selector: ([at]) => at, maxLength: 60 }).map(
  (all) => {
    const sorted = all.sort(([a], [b]) => a - b);
    const near = sorted.filter(([at]) => at < 2 ** 40);
    const far = sorted.filter(([at]) => at >= 2 ** 40);
    return [
      ...near,
      [1_000_000, RULE_NONE] as [number, number],
      ...far,
      [2 ** 47, RULE_NONE] as [number, number],
    ];
  },
);

Deno.test("ruleAt() finds the rule of the last step at or before any address", () => {
  fc.assert(fc.property(steps, fc.array(address, { maxLength: 30 }), (steps, asked) => {
    const table = tableOf(steps);
    const borders = steps.flatMap(([at]) => [at - 1, at, at + 1]).filter((at) => at >= 0);
    for (const at of [...asked, ...borders]) {
      assertEquals(ruleAt(table, at), steps.findLast(([from]) => from <= at)?.[1] ?? RULE_NONE, `at ${at}`);
    }
  }));
});

Deno.test("TableBuilder starts each page with a row of its own, ascends within it and merges equal neighbours", () => {
  fc.assert(fc.property(steps, (steps) => {
    const { rows, pages, first } = tableOf(steps);
    assertEquals(first.at(-1), rows.length);
    for (let page = 0; page < pages.length; page++) {
      assertEquals(pages[page]! > (pages[page - 1] ?? -1), true);
      const own = [...rows.subarray(first[page], first[page + 1])];
      assertEquals(own[0]! & 0xffff, 0);
      assertEquals(own.every((row, i) => i === 0 || (row & 0xffff) > (own[i - 1]! & 0xffff)), true);
      assertEquals(own.every((row, i) => i === 0 || row >>> 16 !== own[i - 1]! >>> 16), true);
      assertEquals(own.some((row) => row >>> 16 !== RULE_NONE), true);
    }
  }));
});

Deno.test("TableBuilder carries a rule through pages without rows", () => {
  const table = tableOf([[PAGE_BYTES + 5, 3], [4 * PAGE_BYTES, RULE_NONE]]);
  assertEquals([...table.pages], [1, 2, 3]);
  assertEquals([...table.rows], [0, 5 | 3 << 16, 3 << 16, 3 << 16]);
});

Deno.test("ruleAt() needs no more than 16 steps in a page with a row for every byte", () => {
  const builder = new TableBuilder();
  for (let at = 0; at < PAGE_BYTES; at++) builder.set(at, 1 + at % 65_535);
  const table = builder.finish(RULES);
  assertEquals(table.rows.length, PAGE_BYTES);
  for (let at = 0; at < PAGE_BYTES; at++) assertEquals(ruleAt(table, at), 1 + at % 65_535);
});

Deno.test("ruleAt() finds nothing in an empty table", () => {
  assertEquals(ruleAt(tableOf([]), 0x1234), RULE_NONE);
});
