// SPDX-License-Identifier: Apache-2.0
/**
 * The short form of `deno task soak-agent`.
 */

import { assert, assertEquals } from "@std/assert";
import { tooLarge } from "../tasks/soak/held.ts";
import { soakAgent } from "../tasks/soak/soak_agent.ts";
import { testWith } from "./support/needs.ts";

testWith(
  ["bpf", "clang"],
  "an agent beside processes that come and go holds no more for it, and loses nothing",
  async () => {
    const held = await soakAgent({
      ...{ rounds: 16, everyMs: 1000, processes: 200 },
      // A window a second, so that what grows by the window grows.
      args: ["--push-interval=1s"],
    });
    assertEquals(tooLarge(held), []);
    // There was something to do.
    const [first, last] = [held[0]!, held.at(-1)!];
    assert(last.events - first.events > 1000 && last.processes - first.processes > 300, JSON.stringify(last));
  },
);
