// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { LRUCache } from "lru-cache";
import { countedCache } from "./counted_cache.ts";

Deno.test("countedCache() holds what a cache with as much room from the start holds", () => {
  const steps = fc.array(fc.tuple(fc.constantFrom("get", "set", "delete", "peek"), fc.nat(12)), {
    maxLength: 200,
  });
  fc.assert(fc.property(fc.integer({ min: 1, max: 8 }), steps, (max, steps) => {
    const [ours, theirs] = [countedCache<number, string>(max), new LRUCache<number, string>({ max })];
    for (const [i, [step, key]] of steps.entries()) {
      const did = [ours, theirs].map((cache) => {
        if (step === "set") return void cache.set(key, `${i}`);
        return step === "get" ? cache.get(key) : step === "peek" ? cache.peek(key) : cache.delete(key);
      });
      assertEquals(did[0], did[1]);
      assertEquals([...ours.entries()], [...theirs.entries()]);
    }
  }));
});
