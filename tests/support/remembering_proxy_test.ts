// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { RememberingProxy } from "./remembering_proxy.ts";

Deno.test("RememberingProxy asks each question once, and passes on all else and what failed", async () => {
  const seen: string[] = [];
  let status = 200;
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    seen.push(`${request.method} ${new URL(request.url).pathname} ${await request.text()}`);
    return new Response(`answer ${seen.length}`, { status, headers: { "x-own": "yes" } });
  });
  await using proxy = new RememberingProxy(`http://127.0.0.1:${server.addr.port}`);
  const ask = async (path: string, init?: RequestInit) => {
    const response = await fetch(proxy.url + path, init);
    assertEquals(response.headers.get("x-own"), "yes");
    return `${response.status} ${await response.text()}`;
  };
  const post = (body: string) => ask("/api/aggregate", { method: "POST", body });
  assertEquals([await post("a"), await post("a"), await post("b")], [
    "200 answer 1",
    "200 answer 1",
    "200 answer 2",
  ]);
  assertEquals([await ask("/api/labels?a"), await ask("/api/labels?b")], ["200 answer 3", "200 answer 4"]);
  assertEquals([await ask("/api/health"), await ask("/api/health")], ["200 answer 5", "200 answer 6"]);
  // Another token may have another answer.
  assertEquals(await ask("/api/labels?a", { headers: { authorization: "Bearer x" } }), "200 answer 7");
  status = 503;
  assertEquals(await ask("/api/top"), "503 answer 8");
  status = 200;
  assertEquals(await ask("/api/top"), "200 answer 9");
  assertEquals(seen.slice(0, 2), ["POST /api/aggregate a", "POST /api/aggregate b"]);
  assertEquals(proxy.counts, { asked: 8, passed: 7 });
});
