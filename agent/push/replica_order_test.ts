// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { inOrderOf } from "./replica_order.ts";

const addresses = fc.uniqueArray(fc.ipV4().map((ip) => `${ip}:50051`), { minLength: 1, maxLength: 20 });

Deno.test("inOrderOf() has all addresses, in an order that does not depend on the one that was given", () => {
  fc.assert(fc.property(fc.string(), addresses, (seed, list) => {
    const ordered = inOrderOf(seed, list);
    assertEquals(ordered.toSorted(), list.toSorted());
    assertEquals(inOrderOf(seed, list.toReversed()), ordered);
  }));
});

Deno.test("inOrderOf() keeps the others in their order when one goes", () => {
  fc.assert(fc.property(fc.string(), addresses, fc.nat(), (seed, list, which) => {
    const gone = list[which % list.length];
    const rest = list.filter((address) => address !== gone);
    assertEquals(inOrderOf(seed, rest), inOrderOf(seed, list).filter((address) => address !== gone));
  }));
});

Deno.test("inOrderOf() gives each of two addresses to about half of a thousand seeds", () => {
  const list = ["10.0.0.1:50051", "10.0.0.2:50051"];
  const first = Array.from({ length: 1000 }, (_, i) => inOrderOf(`node-${i}`, list)[0]);
  const share = first.filter((address) => address === list[0]).length;
  // Five standard deviations.
  assertEquals(share > 420 && share < 580, true, String(share));
});
