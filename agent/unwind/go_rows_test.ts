// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import { type ByteSource, memorySource } from "../../symbols/elf/byte_source.ts";
import { testWith } from "../../tests/support/needs.ts";
import { compileUnwind } from "../../tests/support/unwind_programs.ts";
import { type GoFunction, GoLineTable } from "../go/line_table.ts";
import { GoRows } from "./go_rows.ts";
import { RULE_UNKNOWN, RuleSet } from "./rules.ts";
import { TableBuilder } from "./table.ts";

function systemstackOf(source: ByteSource): { table: GoLineTable; fn: GoFunction } {
  const table = GoLineTable.read(source)!;
  return { table, fn: table.functions(source).find(({ name }) => name === "runtime.systemstack")! };
}

/** Returns the rules of the function that goes on on the thread's stack, and the code of which says how. */
function rulesOf(source: ByteSource): Set<number> {
  const { table, fn: { address, end } } = systemstackOf(source);
  const found = new Set<number>();
  const builder = Object.assign(Object.create(TableBuilder.prototype) as TableBuilder, {
    set: (_address: number, rule: number) => void found.add(rule),
  });
  const steps = new GoRows(table, source).set(builder, { rules: new RuleSet(), from: address, to: end });
  while (!steps.next().done);
  return found;
}

testWith(["go"], "GoRows does not guess where the goroutine's stack is", async () => {
  using program = await compileUnwind("chain.go", { flags: ["-ldflags=-w"] });
  const bytes = await Deno.readFile(program.path);
  const known = rulesOf(memorySource(bytes));
  assert(known.size > 0 && !known.has(RULE_UNKNOWN), Deno.inspect(known));
  // As in a shared library, where what the code goes by differs between processes.
  const { table, fn } = systemstackOf(memorySource(bytes));
  const code = table.codeOf(memorySource(bytes), fn, 512);
  const at = bytes.findIndex((_, i) => code.every((byte, j) => bytes[i + j] === byte));
  assertEquals(bytes.subarray(at, at + code.length), code);
  bytes.fill(0x90, at, at + code.length);
  assertEquals([...rulesOf(memorySource(bytes))], [RULE_UNKNOWN]);
});
