// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { settling } from "./settling.ts";

Deno.test("settling() writes what is staged, once for all who ask meanwhile", async () => {
  let flushes = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  const buffer = { staged: 3 };
  const flushNow = () => {
    flushes++;
    return promise.then(() => void (buffer.staged = 0));
  };
  const settle = settling({ buffer, flusher: { flushNow } });
  const asked = [settle(), settle()];
  resolve();
  await Promise.all(asked);
  assertEquals([flushes, buffer.staged], [1, 0]);
  // Nothing is staged: nothing is waited for.
  await settle();
  assertEquals(flushes, 1);
  buffer.staged = 1;
  await settle();
  assertEquals(flushes, 2);
});

Deno.test("settling() leaves it to the flusher that storage refuses", async () => {
  const settle = settling({
    buffer: { staged: 1 },
    flusher: { flushNow: () => Promise.reject(new Error("Storage is away")) },
  });
  await settle();
});
