// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import { credentialsOf, isForged, isLocalName, sessionCookie } from "./session.ts";

const PAGE = "http://aggregator.test/api/alerts";

function request(headers: Record<string, string>, method = "POST"): Request {
  return new Request(PAGE, { method, headers });
}

Deno.test("credentialsOf() finds the session among other cookies, and goes by a token where both are sent", () => {
  const cookie = sessionCookie("abc", { secure: false }).split(";")[0]!;
  assertEquals(credentialsOf(request({ cookie })), { session: "abc" });
  assertEquals(credentialsOf(request({ cookie: `theme=dark; ${cookie}; x=1` })), { session: "abc" });
  assertEquals(credentialsOf(request({ cookie, authorization: "Bearer t" })), { token: "t" });
  assertEquals(credentialsOf(request({ cookie: "other=abc" })), {});
});

Deno.test("sessionCookie() hides itself from scripts and other sites", () => {
  assertEquals(sessionCookie("abc", { secure: true }).split("; ").slice(1), [
    "Path=/",
    "Max-Age=2592000",
    "HttpOnly",
    "SameSite=Strict",
    "Secure",
  ]);
  assert(!sessionCookie("abc", { secure: false }).includes("Secure"));
});

Deno.test("isForged() tells what a page of another site made a browser send", () => {
  const forged = (headers: Record<string, string>, method?: string) =>
    isForged(request(headers, method), new URL(PAGE));
  const cookie = "aperture_session=abc";
  assert(!forged({ cookie, origin: "http://aggregator.test" }));
  assert(!forged({ cookie, origin: "https://public.test", "x-forwarded-host": "public.test" }));
  assert(!forged({ cookie, "sec-fetch-site": "same-origin" }));
  // No browser at all.
  assert(!forged({ authorization: "Bearer t" }));
  assert(!forged({}));
  assert(forged({ cookie, origin: "http://evil.test" }));
  assert(forged({ cookie, origin: "http://aggregator.test:81" }));
  assert(forged({ cookie, origin: "null" }));
  assert(forged({ cookie, origin: "null", "sec-fetch-site": "cross-site" }));
  // What a page without a referrer sends to its own site.
  assert(!forged({ cookie, origin: "null", "sec-fetch-site": "same-origin" }));
  assert(forged({ authorization: "Basic YTpi", origin: "http://evil.test" }));
  assert(forged({ cookie, "sec-fetch-site": "cross-site" }));
  assert(forged({ cookie, "sec-fetch-site": "same-site" }));
  assert(forged({ cookie }));
  assert(!forged({ cookie, origin: "http://evil.test" }, "GET"));
});

Deno.test("isLocalName() takes names that no page from elsewhere can point here", () => {
  for (
    const name of [
      "localhost",
      "127.0.0.1",
      "[::1]",
      "10.1.2.3",
      "node-7",
      "a.b.svc",
      "x.svc.cluster.local",
      "pc.lan",
    ]
  ) {
    assert(isLocalName(name), name);
  }
  for (const name of ["evil.com", "127.0.0.1.evil.com", "localhost.evil.com", "a.svc.evil.com"]) {
    assert(!isLocalName(name), name);
  }
  assert(isLocalName("Profiles.Example.com", ["profiles.example.com"]));
});
