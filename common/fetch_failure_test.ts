// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertMatch } from "@std/assert";
import { fetchFailure } from "./fetch_failure.ts";
import { freePort } from "./free_port.ts";

async function failureOf(url: string): Promise<string> {
  return fetchFailure(await fetch(url, { redirect: "error" }).catch((error) => error));
}

Deno.test("fetchFailure() is why there was no answer, without the address", async () => {
  const refused = await failureOf(`http://127.0.0.1:${freePort()}/?token=secret`);
  assertMatch(refused, /Connection refused$/);
  const unknown = await failureOf("http://nowhere.invalid/?token=secret");
  assertMatch(unknown, /^dns error: /);
  // Who refuses what it is sent to says so.
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, () => {
    return new Response(null, { status: 302, headers: { location: "/elsewhere" } });
  });
  const redirected = await failureOf(`http://127.0.0.1:${server.addr.port}/?token=secret`);
  assertMatch(redirected, /redirect/i);
  for (const text of [refused, unknown, redirected]) assertEquals(text.includes("secret"), false, text);
});

Deno.test("fetchFailure() of what is no failed request is its message", () => {
  assertEquals(
    fetchFailure(new DOMException("The signal has been aborted", "AbortError")),
    "The signal has been aborted",
  );
  assertEquals(fetchFailure("a text"), "a text");
});
