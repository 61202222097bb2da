import { assert, assertEquals } from "@std/assert";
import { TokenGate } from "./auth.ts";

function request(headers: Record<string, string>): Request {
  return new Request("http://aggregator.test/", { headers });
}

Deno.test("TokenGate.admits() takes the token as a bearer, whatever the scheme's case", () => {
  const gate = new TokenGate("s3cret");
  assert(gate.admits(request({ authorization: "Bearer s3cret" })));
  assert(gate.admits(request({ authorization: "bearer  s3cret" })));
  for (const authorization of ["Bearer s3cre", "Bearer s3crets", "Basic s3cret", "s3cret", "Bearer "]) {
    assert(!gate.admits(request({ authorization })), authorization);
  }
  assert(!gate.admits(request({})));
});

Deno.test("TokenGate.admits() takes its own cookie among others, and not that of another token", () => {
  const gate = new TokenGate("s3cret");
  const cookie = gate.sessionCookie({ secure: false }).split(";")[0]!;
  assert(gate.admits(request({ cookie })));
  assert(gate.admits(request({ cookie: `theme=dark; ${cookie}; x=1` })));
  assert(!new TokenGate("other").admits(request({ cookie })));
  assert(!gate.admits(request({ cookie: `${cookie}x` })));
  assert(!gate.admits(request({ cookie: `=;${cookie}` })));
  assert(!gate.admits(request({ cookie: `aperture_session=s3cret` })));
});

Deno.test("TokenGate.admits() goes by the bearer where both are sent", () => {
  const gate = new TokenGate("s3cret");
  const cookie = gate.sessionCookie({ secure: false }).split(";")[0]!;
  assert(!gate.admits(request({ cookie, authorization: "Bearer wrong" })));
});

Deno.test("TokenGate.sessionCookie() hides the token, and itself from scripts and other sites", () => {
  const cookie = new TokenGate("s3cret").sessionCookie({ secure: true });
  assert(!cookie.includes("s3cret"));
  assertEquals(cookie.split("; ").slice(1), [
    "Path=/",
    "Max-Age=2592000",
    "HttpOnly",
    "SameSite=Strict",
    "Secure",
  ]);
});
