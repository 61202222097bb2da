// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { batchMeta } from "../../tests/support/staged.ts";
import type { Head } from "./entry.ts";
import { Held, READY_BYTES } from "./held.ts";

const head = (id: number, size: number): Head => {
  return { ...batchMeta({ sequence: id }), id, size, checksum: 0, receivedMs: 0 };
};

Deno.test("Held hands the bytes of the oldest batches over, once, and no more than a group's worth", () => {
  const held = new Held({ capacity: 10, capacityBytes: 2 ** 30 });
  const half = new Uint8Array(READY_BYTES / 2);
  // As gRPC gives it: what `slice()` of it returns is no copy.
  const few = Buffer.from([0, 1, 2, 3]).subarray(1, 3);
  held.addReady(head(1, half.length), half);
  held.addReady(head(2, few.length), few);
  held.addReady(head(3, half.length), half);
  assertEquals([...held.heads()].map(({ id }) => id), [1, 2, 3]);
  // The third had no room.
  assertEquals(held.takeReady(3), undefined);
  few.fill(9);
  assertEquals(held.takeReady(2), Uint8Array.of(1, 2));
  assertEquals(held.takeReady(2), undefined);
  // Whoever goes makes room.
  held.remove(1);
  held.addReady(head(4, half.length), half);
  held.addReady(head(5, half.length), half);
  assertEquals([4, 5].map((id) => held.takeReady(id)?.length), [half.length, half.length]);
  held.addReady(head(6, half.length), half);
  held.clear();
  assertEquals(held.takeReady(6), undefined);
});
