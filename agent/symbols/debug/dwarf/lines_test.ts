// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { lines } from "./lines.ts";

Deno.test("lines() has the lines of a text, however it comes in pieces", async () => {
  const text = fc.array(fc.constantFrom("a", "é", "\n", "longer text", "𝄞"), { maxLength: 30 }).map((t) =>
    t.join("")
  );
  await fc.assert(fc.asyncProperty(text, fc.array(fc.nat(200)), async (text, cuts) => {
    const bytes = new TextEncoder().encode(text);
    const ends = [...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length];
    let from = 0;
    const pieces = ends.map((end) => bytes.slice(from, from = end));
    const found = await Array.fromAsync(lines(ReadableStream.from(pieces)));
    assertEquals(found, text.split("\n").slice(0, -1));
  }));
});
