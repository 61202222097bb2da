// SPDX-License-Identifier: Apache-2.0
/**
 * The process that reads debug information: what that takes is nothing that a drain could wait for, a file that makes
 * no sense must not end the agent, and its memory goes back to the system with it.
 *
 * Its argument is how many bytes of debug information may be open together. Questions come as lines of JSON on standard
 * input, answers go as such to standard output; the first line says that it is ready. It ends with its input.
 *
 * @module
 */

import { print } from "../../../../common/main.ts";
import { giveBackMemory, limitAllocator } from "../../../libbpf/mod.ts";
import { lines } from "./lines.ts";
import { Dwarf } from "../../../../symbols/libdw/dwarf.ts";
import type { Answer, Request } from "./protocol.ts";
import { DebugStore } from "./store.ts";

/** What it holds and does not use goes back at most so often, in ms: that takes some ms. */
const GIVE_BACK_MS = 1000;

/** Is there where V8 was told `--expose-gc`. */
const { gc: collectGarbage } = globalThis as { gc?: () => void };

limitAllocator();
let givenBackAt = 0;
using store = new DebugStore(new Dwarf(), Number(Deno.args[0]));
await print(Deno.stdout, "ready\n");
for await (const line of lines(Deno.stdin.readable)) {
  const { id, key, place, addresses }: Request = JSON.parse(line);
  const result = store.frames(key, place, addresses);
  const refused = typeof result === "string" ? result : undefined;
  const frames = typeof result === "string" ? [] : result;
  const answer: Answer = { id, frames, refused, stats: store.stats };
  await print(Deno.stdout, `${JSON.stringify(answer)}\n`);
  if (performance.now() - givenBackAt < GIVE_BACK_MS) continue;
  // The images of what was closed are garbage of tens of megabytes, which V8 does not see as such for a while.
  collectGarbage?.();
  giveBackMemory();
  givenBackAt = performance.now();
}
