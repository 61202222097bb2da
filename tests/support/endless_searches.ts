// SPDX-License-Identifier: Apache-2.0
/**
 * Searches for what has no end, and for more after it; prints the answers, and how many workers were started, as a line
 * of JSON for each scene.
 *
 * It is a program of its own because Deno's `Worker.terminate()` does not stop the thread of an expression that has no
 * end, as browsers do: it would take a CPU from all that the process has to do.
 *
 * @module
 */

import { SearchClient } from "../../aggregator/ui/flame/search_client.ts";

const NAMES = { names: ["main", `${"a".repeat(60)}b`, "parse"], modules: ["/bin/a", "/bin/a", "/bin/b"] };
const ENDLESS = "/(a+)+$/";
const WORKER = import.meta.resolve("../../aggregator/ui/flame/search_worker.ts");

async function tell(scene: (client: SearchClient) => Promise<unknown>): Promise<void> {
  let started = 0;
  const start = () => {
    started++;
    return new Worker(WORKER, { type: "module" });
  };
  const answers = await scene(new SearchClient({ start, patience: 1000 }));
  const text = JSON.stringify(
    { answers, started },
    (_, value) => value instanceof Uint8Array ? [...value] : value,
  );
  await Deno.stdout.write(new TextEncoder().encode(`${text}\n`));
}

await tell(async (client) => {
  const first = await client.match(NAMES, "parse");
  const asked = [ENDLESS, "mai", "main"].map((text) => client.match(NAMES, text));
  const [endless, skipped, last] = await Promise.all(asked);
  return {
    first,
    endless: endless ?? "none",
    skipped: skipped ?? "none",
    last,
    next: await client.match(NAMES, "m:/bin/b"),
  };
});
await tell(async (client) => ({
  wrong: await client.match(NAMES, "/(/"),
  endless: await client.match(NAMES, ENDLESS),
  next: await client.match({ names: ["x"], modules: [""] }, "x"),
}));
Deno.exit();
