// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { decodeLabels, encodeLabels } from "./labels.ts";

Deno.test("encodeLabels() is read back by decodeLabels(), and does not depend on the order", () => {
  fc.assert(fc.property(fc.array(fc.tuple(fc.string(), fc.string({ unit: "binary" }))), (pairs) => {
    const labels = new Map(pairs.filter(([key]) => key !== ""));
    assertEquals(decodeLabels(encodeLabels(labels)), labels);
    assertEquals(encodeLabels(new Map([...labels].reverse())), encodeLabels(labels));
  }));
});

Deno.test("decodeLabels() takes any text", () => {
  fc.assert(fc.property(fc.string(), (text) => assertEquals(decodeLabels(text) instanceof Map, true)));
});
