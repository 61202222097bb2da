// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { Access, tokenOf } from "./access.ts";
import { TokenSet } from "./tokens.ts";

const TOKENS = TokenSet.parse("agents ingest first-token\nops admin second-token\n");
const WHERE = { address: "192.0.2.1", what: "a test" };

Deno.test("tokenOf() reads Bearer and Basic, whatever the case and the user", () => {
  const basic = (pair: string) => `Basic ${btoa(pair)}`;
  const cases: readonly (readonly [string, string | undefined])[] = [
    ["Bearer token", "token"],
    ["bearer  token ", "token"],
    [basic("grafana:token"), "token"],
    [basic(":to:ken"), "to:ken"],
    [basic("token"), undefined],
    ["Basic %%%", undefined],
    ["Bearer ", undefined],
    ["Digest token", undefined],
    ["token", undefined],
    ["", undefined],
  ];
  for (const [header, token] of cases) assertEquals(tokenOf(header), token, header);
});

Deno.test("Access.decide() goes by the token's scopes, or the session's", async () => {
  const access = new Access({ tokens: TOKENS });
  const decide = async (
    credentials: { token?: string; session?: string },
    scope: "ingest" | "read" | "admin",
  ) => {
    const decision = await access.decide(credentials, { scope, ...WHERE });
    return decision.admitted ? decision.principal.name : decision.reason;
  };
  assertEquals(await decide({ token: "first-token" }, "ingest"), "agents");
  assertEquals(await decide({ token: "first-token" }, "read"), "forbidden");
  assertEquals(await decide({ token: "second-token" }, "ingest"), "ops");
  assertEquals(await decide({ session: access.sessionOf("second-token")! }, "admin"), "ops");
  assertEquals(await decide({ session: "guess" }, "read"), "unauthenticated");
  assertEquals(await decide({}, "read"), "unauthenticated");
  // A wrong token is not made good by a session.
  assertEquals(
    await decide({ token: "guess", session: access.sessionOf("second-token")! }, "read"),
    "unauthenticated",
  );
  assertEquals(access.refused, 4);
  access.replace(TokenSet.single("third-token"));
  assertEquals(await decide({ token: "first-token" }, "ingest"), "unauthenticated");
  assertEquals(await decide({ token: "third-token" }, "ingest"), "token");
});

Deno.test("Access.decide() answers wrong tokens of an address ever more slowly, and right ones at once", async () => {
  const pauses: number[] = [];
  const access = new Access({
    tokens: TOKENS,
    sleep(ms) {
      pauses.push(ms);
      return Promise.resolve();
    },
  });
  const guess = (address: string, token = "guess") => {
    return access.decide({ token }, { scope: "read", what: "a test", address });
  };
  for (let i = 0; i < 5; i++) await guess("192.0.2.1");
  assertEquals(pauses, []);
  for (let i = 0; i < 8; i++) await guess("192.0.2.1");
  assertEquals(pauses, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
  await guess("192.0.2.2");
  await guess("192.0.2.1", "second-token");
  // Without a token nothing is guessed.
  await access.decide({}, { scope: "read", ...WHERE });
  assertEquals(pauses.length, 8);
});
