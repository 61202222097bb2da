// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { encodeMessage, joined, readMessages } from "./messages.ts";

const KINDS = [1, 2, 3];

const messages = fc.array(
  fc.tuple(fc.constantFrom(...KINDS), fc.uint8Array({ maxLength: 40 })),
  { maxLength: 6 },
);

async function read(bytes: Uint8Array<ArrayBuffer>, cuts: readonly number[]) {
  const ends = [...new Set([...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])].sort((a, b) =>
    a - b
  );
  const chunks = ends.map((end, i) => bytes.slice(ends[i - 1] ?? 0, end));
  return await Array.fromAsync(
    readMessages(ReadableStream.from(chunks), KINDS),
    ({ kind, payload }) => [kind, [...payload]],
  );
}

Deno.test("readMessages() yields what encodeMessage() made, however it is cut", async () => {
  await fc.assert(
    fc.asyncProperty(messages, fc.array(fc.nat(300)), async (sent, cuts) => {
      const parts = sent.map(([kind, payload]) => encodeMessage(kind, payload));
      const bytes = joined([new Uint8Array(), ...parts], parts.reduce((sum, { length }) => sum + length, 0));
      assertEquals(await read(bytes, cuts), sent.map(([kind, payload]) => [kind, [...payload]]));
    }),
  );
});

Deno.test("readMessages() leaves out what is not whole, and refuses other bytes", async () => {
  const whole = encodeMessage(1, Uint8Array.of(1, 2, 3));
  assertEquals(await read(whole.slice(0, -1), []), []);
  await assertRejects(() => read(Uint8Array.of(9, 0, 0, 0, 0), []), RangeError, "kind 9");
  await assertRejects(() => read(Uint8Array.of(1, 0, 0, 0, 255), []), RangeError, "4278190080 bytes");
});
