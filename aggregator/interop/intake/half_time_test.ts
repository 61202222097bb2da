// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertRejects } from "@std/assert";
import { HalfTime } from "./half_time.ts";

Deno.test("HalfTime runs one piece after the other, and rests as long as each took, failed or not", async () => {
  let time = 0;
  const rests: number[] = [];
  const gates: (() => void)[] = [];
  const half = new HalfTime({
    now: () => time,
    sleep: (ms) => {
      rests.push(ms);
      const { promise, resolve } = Promise.withResolvers<void>();
      gates.push(resolve);
      return promise;
    },
  });
  const order: string[] = [];
  const piece = (name: string, ms: number) => () => {
    order.push(name);
    time += ms;
    if (name === "b") throw new Error("b failed");
    return name;
  };
  const [a, b, c] = [half.run(piece("a", 30)), half.run(piece("b", 50)), half.run(piece("c", 9000))];
  const d = half.run(piece("d", 1));
  assertEquals(await a, "a");
  // The rest of the first is not over.
  await Promise.resolve();
  assertEquals([order, rests], [["a"], [30]]);
  gates[0]!();
  await assertRejects(() => b, Error, "b failed");
  assertEquals([order, rests], [["a", "b"], [30, 50]]);
  gates[1]!();
  assertEquals(await c, "c");
  await Promise.resolve();
  assertEquals(rests, [30, 50, 2000]);
  gates[2]!();
  assertEquals(await d, "d");
  // Nobody comes after it.
  assertEquals(rests.length, 3);
});
