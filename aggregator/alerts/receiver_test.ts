// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertRejects } from "@std/assert";

import { post, receiverOf } from "./receiver.ts";

Deno.test("post() says why nobody answers, and nothing of the address", async () => {
  using closing = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted = (async () => {
    for await (const connection of closing) connection.close();
  })();
  const receiver = receiverOf(new URL(`http://127.0.0.1:${closing.addr.port}/secret:%20client?key=secret`));
  const { signal } = new AbortController();
  const error = await assertRejects(() => post(receiver, { body: "{}", signal }), Error);
  assertEquals(error.message.includes("secret"), false);
  assertEquals(error.message.includes("127.0.0.1"), false);
  assertEquals(error.message.includes("connection"), true, error.message);
  closing.close();
  await accepted;
});

Deno.test("post() follows no redirect, and says so", async () => {
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
    return new Response(null, { status: 302, headers: { location: "/other" } });
  });
  const receiver = receiverOf(new URL(`http://127.0.0.1:${server.addr.port}/secret`));
  const { signal } = new AbortController();
  const error = await assertRejects(() => post(receiver, { body: "{}", signal }), Error, "redirect");
  assertEquals(error.message.includes("secret"), false);
});
