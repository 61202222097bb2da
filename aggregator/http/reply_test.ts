// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import { errorReply, json, respond } from "./reply.ts";

function request(headers: Record<string, string> = {}, method = "GET"): Request {
  return new Request("http://aggregator.test/", { headers, method });
}

Deno.test("respond() compresses what is long enough, where the client takes it", async () => {
  const reply = json({ text: "flame ".repeat(1000) });
  const packed = await respond(request({ "accept-encoding": "gzip, br" }), reply);
  assertEquals(packed.headers.get("content-encoding"), "gzip");
  assertEquals(packed.headers.get("vary"), "accept-encoding");
  const bytes = await packed.bytes();
  assertEquals(packed.headers.get("content-length"), String(bytes.length));
  const text = await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip")))
    .text();
  assertEquals(text, reply.body as string);
  for (const encoding of ["br", "identity", "gzip;q=0"]) {
    const plain = await respond(request({ "accept-encoding": encoding }), reply);
    assertEquals(plain.headers.get("content-encoding"), null, encoding);
    assertEquals(await plain.text(), reply.body as string);
  }
  assertEquals((await respond(request(), reply)).headers.get("content-encoding"), null);
  const short = await respond(request({ "accept-encoding": "gzip" }), json({}));
  assertEquals(short.headers.get("content-encoding"), null);
});

Deno.test("respond() does not compress what is compressed", async () => {
  const headers = { "content-type": "application/octet-stream" };
  const response = await respond(request({ "accept-encoding": "gzip" }), {
    headers,
    body: new Uint8Array(5000),
  });
  assertEquals(response.headers.get("content-encoding"), null);
  assertEquals((await response.bytes()).length, 5000);
});

Deno.test("respond() answers 304 to who has the body", async () => {
  const reply = { headers: { "content-type": "text/css" }, body: "a {}", revalidate: true };
  const tag = (await respond(request(), reply)).headers.get("etag")!;
  const again = await respond(request({ "if-none-match": tag }), reply);
  assertEquals([again.status, again.headers.get("etag"), await again.text()], [304, tag, ""]);
  const changed = await respond(request({ "if-none-match": tag }), { ...reply, body: "b {}" });
  assertEquals([changed.status, await changed.text()], [200, "b {}"]);
});

Deno.test("respond() answers HEAD as GET, without the body", async () => {
  const reply = json({ text: "x".repeat(100) });
  const get = await respond(request(), reply);
  const head = await respond(request({}, "HEAD"), reply);
  assertEquals([...head.headers], [...get.headers]);
  assertEquals(await head.text(), "");
});

Deno.test("respond() lets a page take scripts and styles from here alone", async () => {
  const { headers } = await respond(request(), json({}));
  const policy = headers.get("content-security-policy")!;
  assert(policy.startsWith("default-src 'none'"));
  assert(!/unsafe|\*|https?:/.test(policy), policy);
  assertEquals(headers.get("x-content-type-options"), "nosniff");
  assertEquals(headers.get("cache-control"), "no-store");
});

Deno.test("errorReply() has one form", () => {
  const { status, body, headers } = errorReply(404, {
    code: "not_found",
    message: "No",
    headers: { allow: "GET" },
  });
  assertEquals([status, body], [404, '{"error":{"code":"not_found","message":"No"}}\n']);
  assertEquals(headers, { "content-type": "application/json", allow: "GET" });
});
