// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertNotEquals } from "@std/assert";
import fc from "fast-check";
import * as rules from "./rules.ts";

Deno.test("RuleSet.intern() gives equal words one index and others another", () => {
  const word = fc.integer({ min: -3, max: 3 });
  fc.assert(fc.property(fc.array(fc.tuple(word, word, word, word), { maxLength: 500 }), (all) => {
    const set = new rules.RuleSet();
    const known = new Map<string, number>();
    for (const words of all) {
      const index = set.intern(...words);
      assertEquals(index, known.get(words.join()) ?? index);
      known.set(words.join(), index);
      assertEquals([...set.toArray().subarray(index * 4, index * 4 + 4)], words);
    }
    assertEquals(new Set(known.values()).size, known.size);
  }));
});

Deno.test("RuleSet starts with the rules for nothing and for unknown", () => {
  const set = new rules.RuleSet();
  assertEquals(set.size, 2);
  assertEquals(rules.ruleOf(set.toArray(), rules.RULE_NONE).cfa, rules.CFA_NONE);
  assertEquals(rules.ruleOf(set.toArray(), rules.RULE_UNKNOWN).cfa, rules.CFA_UNKNOWN);
});

Deno.test("RuleSet.intern() says -1 when full, and still knows what it has", () => {
  const set = new rules.RuleSet();
  for (let i = set.size; i < rules.MAX_RULES; i++) assertNotEquals(set.intern(2, i, 0, 0), -1);
  assertEquals(set.intern(3, 0, 0, 0), -1);
  assertEquals(set.intern(2, 100, 0, 0), 100);
});

Deno.test("RuleSet.add() takes in the rules of another set", () => {
  const [file, machine] = [new rules.RuleSet(), new rules.RuleSet()];
  machine.intern(2, 16, 0, -8);
  const index = file.intern(2, 24, 0, -8);
  assertEquals(machine.add(file.toArray(), index), 3);
  assertEquals(machine.add(file.toArray(), rules.RULE_UNKNOWN), rules.RULE_UNKNOWN);
});

Deno.test("ruleOf() takes a rule apart as the C struct has it", () => {
  const bytes = new DataView(new ArrayBuffer(16));
  bytes.setUint8(0, rules.CFA_DEREF | 7 << 4);
  bytes.setUint8(1, rules.SAVED_AT_REGISTER | 15 << 4);
  bytes.setUint8(2, rules.SAVED_IN_REGISTER | 2 << 4);
  bytes.setUint8(3, rules.RULE_SIGNAL);
  bytes.setInt32(4, -160, true);
  bytes.setInt32(8, 1 << 20, true);
  bytes.setInt16(12, -8, true);
  bytes.setInt16(14, -32_768, true);
  assertEquals(rules.ruleOf(new Int32Array(bytes.buffer), 0), {
    cfa: rules.CFA_DEREF,
    cfaRegister: 7,
    cfaOffset: -160,
    cfaAdd: -32_768,
    framePointer: rules.SAVED_AT_REGISTER,
    framePointerRegister: 15,
    framePointerOffset: 1 << 20,
    returnAddress: rules.SAVED_IN_REGISTER,
    returnAddressRegister: 2,
    returnAddressOffset: -8,
    signal: true,
    derived: false,
  });
});
