// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { SearchClient } from "./search_client.ts";

const NAMES = { names: ["main", `${"a".repeat(60)}b`, "parse"], modules: ["/bin/a", "/bin/a", "/bin/b"] };
const ENDLESS = "/(a+)+$/";

function startClient() {
  const started: Worker[] = [];
  const start = () => {
    const worker = new Worker(import.meta.resolve("./search_worker.ts"), { type: "module" });
    started.push(worker);
    return worker;
  };
  const client = new SearchClient({ start, patience: 1000 });
  return { client, started, [Symbol.dispose]: () => client.stop() };
}

Deno.test("match() answers the question after one that has no end", async () => {
  using at = startClient();
  const { client, started } = at;
  const first = client.match(NAMES, "parse");
  assertEquals(await first, { matches: new Uint8Array([0, 0, 1]) });
  const endless = client.match(NAMES, ENDLESS);
  const skipped = client.match(NAMES, "mai");
  const last = client.match(NAMES, "main");
  assertEquals(await Promise.all([endless, skipped]), [undefined, undefined]);
  assertEquals(await last, { matches: new Uint8Array([1, 0, 0]) });
  // The new worker was told the names again, and is asked on.
  assertEquals(await client.match(NAMES, "m:/bin/b"), { matches: new Uint8Array([0, 0, 1]) });
  assertEquals(started.length, 2);
});

Deno.test("match() says what is wrong with an expression, and goes on", async () => {
  using at = startClient();
  const { client } = at;
  assertEquals(await client.match(NAMES, "/(/"), { problem: "no regular expression" });
  assertEquals(await client.match(NAMES, ENDLESS), { problem: "takes too long" });
  assertEquals(await client.match({ names: ["x"], modules: [""] }, "x"), { matches: new Uint8Array([1]) });
});
