// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { isAnyKind, isProfileType, profileType, profileTypeParts, unitOf } from "./profile_type.ts";

Deno.test("profileType() names any parts soundly, and profileTypeParts() reads them back", () => {
  const part = fc.string({ unit: "binary", maxLength: 300 });
  const parts = fc.record({ name: part, type: part, unit: part, periodType: part, periodUnit: part });
  fc.assert(fc.property(parts, (parts) => {
    const named = profileType(parts);
    assertEquals(isProfileType(named), true, named);
    assertEquals(profileType(profileTypeParts(named)), named);
  }));
  const off = { name: "", type: "off-cpu", unit: "", periodType: "", periodUnit: "" };
  assertEquals(profileType(off), "off_cpu:off_cpu:unknown::");
});

Deno.test("isAnyKind() and unitOf() know the agent's kinds and the types of others", () => {
  const kinds = [
    "cpu",
    "lock",
    "syscall",
    "memory:inuse_space:bytes:space:bytes",
    "off_cpu:off_cpu:nanoseconds::",
  ];
  assertEquals(kinds.map(isAnyKind), kinds.map(() => true));
  assertEquals(
    ["", "all", "a:b:c:d", "a:b:c:d:e:f", "a:b:c'::", ":::: "].map(isAnyKind),
    Array(6).fill(false),
  );
  assertEquals([unitOf("lock"), unitOf("memory:inuse_space:bytes:space:bytes")], ["nanoseconds", "bytes"]);
});
