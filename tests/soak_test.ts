// SPDX-License-Identifier: Apache-2.0
/**
 * The short form of `deno task soak`.
 */

import { assertEquals, assertGreater } from "@std/assert";
import { soak } from "./soak/soak.ts";
import { testWith } from "./support/needs.ts";

testWith(["root", "chdb"], "the tables hold what agents counted, whatever fails in between", async () => {
  const said: string[] = [];
  const result = await soak({ seconds: 25, seed: 7, agents: 4, say: (line) => said.push(line) });
  assertEquals(result.stored, result.pushed, said.join("\n"));
  assertEquals(Object.values(result.dropped).filter((batches) => batches > 0), []);
  assertGreater(result.batches, 50);
});
