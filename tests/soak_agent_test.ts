// SPDX-License-Identifier: Apache-2.0
/**
 * The short form of `deno task soak-agent`.
 */

import { assert, assertEquals } from "@std/assert";
import { tooLarge } from "../tasks/soak/held.ts";
import { CALLS, soakAgent } from "../tasks/soak/soak_agent.ts";
import { testWith } from "./support/needs.ts";

const SECONDS = 16;
/** They begin and end each second. */
const PROCESSES = 200;

testWith(
  ["bpf", "clang"],
  "an agent beside processes that come and go holds no more for it, and loses nothing",
  async () => {
    const held = await soakAgent({
      ...{ rounds: SECONDS, everyMs: 1000, processes: PROCESSES },
      // A window a second, so that what grows by the window grows; and room for some seconds in which other tests have
      // the machine, as what processes call fills the usual maps in two.
      args: ["--push-interval=1s", "--bpf-memory=128MiB"],
    });
    assertEquals(tooLarge(held), []);
    // There was something to do: half of the processes' calls at least, as the machine has others to run.
    const [first, last] = [held[0]!, held.at(-1)!];
    assert(last.events - first.events > (SECONDS * PROCESSES * CALLS) / 2, JSON.stringify(last));
  },
);
