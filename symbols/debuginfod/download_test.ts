// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { testWith } from "../../tests/support/needs.ts";
import { TempFolder } from "../../tests/support/programs.ts";
import { type Answer, endless, ScriptedServer } from "../../tests/support/scripted_server.ts";
import { tinyElf } from "../../tests/support/tiny_elf.ts";
import { selfSigned } from "../../tests/support/tls.ts";
import { download, type DownloadOptions, type Outcome, ServerUrl } from "./download.ts";

const ID = "0123456789abcdef";
const GOOD = tinyElf(ID);
const OPTIONS: DownloadOptions = { maxBytes: 1 << 20, stallMs: 60_000, signal: new AbortController().signal };

async function from(url: URL, options: Partial<DownloadOptions> = {}): Promise<Outcome> {
  using folder = new TempFolder();
  const path = `${folder.path}/part`;
  using file = await Deno.open(path, { write: true, create: true });
  return await download(new ServerUrl(url), ID, { path, file }, { ...OPTIONS, ...options });
}

async function answered(answer: Answer, options: Partial<DownloadOptions> = {}): Promise<Outcome> {
  await using server = new ScriptedServer(answer);
  return await from(server.url, options);
}

Deno.test("download() takes a whole file of the build id, with its date", async () => {
  const modified = new Date("2024-05-06T07:08:09Z");
  const headers = { "last-modified": modified.toUTCString() };
  const outcome = await answered(() => new Response(GOOD, { headers }));
  assertEquals(outcome, { kind: "found", size: GOOD.length, modified });
  const undated = await answered(() => new Response(GOOD, { headers: { "last-modified": "soon" } }));
  assertEquals(undated, { kind: "found", size: GOOD.length, modified: undefined });
});

Deno.test("download() asks as debuginfod(8) says, below the path of a URL, with its credentials", async () => {
  const seen: (string | null)[] = [];
  await using server = new ScriptedServer((request) => {
    seen.push(request.headers.get("authorization"), request.headers.get("x-debuginfod-maxsize"));
    return new Response(GOOD);
  });
  for (const path of ["/", "/some/prefix/"]) {
    const url = new URL(path, server.url);
    [url.username, url.password] = ["me", "pass word"];
    assertEquals((await from(url)).kind, "found");
    assertEquals(new ServerUrl(url).text.includes("pass"), false);
  }
  assertEquals(server.paths, [`/buildid/${ID}/debuginfo`, `/some/prefix/buildid/${ID}/debuginfo`]);
  assertEquals(seen.slice(0, 2), [`Basic ${btoa("me:pass word")}`, `${1 << 20}`]);
});

const STATUSES: Record<number, Outcome["kind"]> = {
  ...{ 404: "not found", 410: "not found", 406: "too large", 413: "too large" },
  ...{ 429: "no answer", 503: "no answer", 500: "failed", 401: "failed", 418: "failed", 204: "failed" },
};
for (const [status, kind] of Object.entries(STATUSES)) {
  Deno.test(`download() takes status ${status} for: ${kind}`, async () => {
    const outcome = await answered(() => new Response(null, { status: Number(status) }));
    assertEquals(outcome.kind, kind);
    if ("reason" in outcome) assertEquals(outcome.reason, `HTTP status ${status}`);
  });
}

const JUNK: Record<string, { body: BodyInit; reason: string }> = {
  "a file of another build id": { body: tinyElf("ffff"), reason: `its build id is "ffff"` },
  "a file that is cut": { body: GOOD.slice(0, -1), reason: "the file ends before its sections do" },
  "a page of HTML": { body: "<html>Please log in</html>", reason: "without its magic number" },
  "nothing": { body: "", reason: "without its magic number" },
};
for (const [what, { body, reason }] of Object.entries(JUNK)) {
  Deno.test(`download() rejects ${what}`, async () => {
    const outcome = await answered(() => new Response(body));
    assertEquals(outcome.kind, "rejected");
    assert("reason" in outcome);
    assertStringIncludes(outcome.reason, reason);
  });
}

Deno.test("download() rejects every other body, and finds only the file", async () => {
  let body = GOOD;
  await using server = new ScriptedServer(() => new Response(body));
  const byte = fc.tuple(fc.nat(GOOD.length - 1), fc.nat(255));
  await fc.assert(
    fc.asyncProperty(fc.array(byte, { maxLength: 8 }), fc.nat(GOOD.length), async (changes, length) => {
      body = GOOD.slice(0, length);
      for (const [at, value] of changes) body[at] = value;
      const outcome = await from(server.url);
      const hasId = body.subarray(136, 144).toHex() === ID;
      assert(outcome.kind === "rejected" || outcome.kind === "found" && hasId, JSON.stringify(outcome));
    }),
    { numRuns: 200 },
  );
});

Deno.test("download() ends a body that is too large, declared or not", async () => {
  const maxBytes = 1000;
  assertEquals((await answered(() => new Response(new Uint8Array(1001)), { maxBytes })).kind, "too large");
  const body = endless(new Uint8Array(300), 1);
  assertEquals((await answered(() => new Response(body), { maxBytes })).kind, "too large");
});

Deno.test("download() gives up a server that is silent, or gives less than 100 KiB in time", async () => {
  const { promise, resolve } = Promise.withResolvers<Response>();
  const stallMs = 50;
  const silent = await answered(() => promise, { stallMs });
  resolve(new Response());
  assertEquals(silent, { kind: "no answer", reason: "less than 100 KiB in 0.05 s" });
  const slow = await answered(() => new Response(endless(new Uint8Array(10), 10)), { stallMs });
  assertEquals(slow, { kind: "failed", reason: "less than 100 KiB in 0.05 s" });
});

Deno.test("download() says why there is no answer", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const refused = await from(new URL(`http://127.0.0.1:${port}`));
  assert(refused.kind === "no answer");
  assertStringIncludes(refused.reason, "refused");
  const circle = await answered(({ url }) => Response.redirect(url));
  assertEquals(circle.kind, "failed");
});

Deno.test("download() takes a body that ends before its length for failed", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serve = async () => {
    using connection = await listener.accept();
    await connection.read(new Uint8Array(4096));
    const head = `HTTP/1.1 200 OK\r\nContent-Length: ${GOOD.length}\r\n\r\n`;
    await connection.write(new Uint8Array([...new TextEncoder().encode(head), ...GOOD.subarray(0, 200)]));
  };
  const [outcome] = await Promise.all([from(new URL(`http://127.0.0.1:${listener.addr.port}`)), serve()]);
  assertEquals(outcome.kind, "failed");
});

Deno.test("download() follows a redirect", async () => {
  const outcome = await answered(({ url }) =>
    url.endsWith("/moved") ? new Response(GOOD) : Response.redirect(`${url}/moved`)
  );
  assertEquals(outcome.kind, "found");
});

testWith(["openssl"], "download() trusts the authority that it is given", async () => {
  using folder = new TempFolder();
  const { ca, cert, key } = selfSigned(folder.path, "127.0.0.1");
  await using server = new ScriptedServer(() => new Response(GOOD), { cert, key });
  using client = Deno.createHttpClient({ caCerts: [ca] });
  assertEquals((await from(server.url, { client })).kind, "found");
  const unknown = await from(server.url);
  assert(unknown.kind === "no answer");
  assertStringIncludes(unknown.reason, "certificate");
});

Deno.test("download() does not take credentials along to another server", async () => {
  const seen: (string | null)[] = [];
  await using other = new ScriptedServer(({ headers }) => {
    seen.push(headers.get("authorization"));
    return new Response(GOOD);
  });
  await using server = new ScriptedServer(({ headers }) => {
    seen.push(headers.get("authorization"));
    return Response.redirect(other.url);
  });
  const url = new URL(server.url);
  [url.username, url.password] = ["user", "secret"];
  assertEquals((await from(url)).kind, "found");
  assertEquals(seen, [`Basic ${btoa("user:secret")}`, null]);
});

Deno.test("ServerUrl takes a % in a password for itself where it escapes nothing", () => {
  assertEquals(new ServerUrl(new URL("http://user:50%@host")).headers, {
    authorization: `Basic ${btoa("user:50%")}`,
  });
  assertEquals(new ServerUrl(new URL("http://user:a%40b@host")).headers, {
    authorization: `Basic ${btoa("user:a@b")}`,
  });
});
