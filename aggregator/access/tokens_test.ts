// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertThrows } from "@std/assert";
import { allows, TokenFileError, TokenSet } from "./tokens.ts";

Deno.test("TokenSet.parse() reads names, scopes and tokens, past comments and blank lines", () => {
  const tokens = TokenSet.parse(
    "# all of them\n\n  agents  ingest  first-token\nops read,admin second-token\n",
  );
  const [agents, ops] = [tokens.find("first-token")!, tokens.find("second-token")!];
  assertEquals([agents.name, [...agents.scopes]], ["agents", ["ingest"]]);
  assertEquals([ops.name, [...ops.scopes]], ["ops", ["read", "admin"]]);
  assertEquals([allows(agents, "ingest"), allows(agents, "read"), allows(ops, "ingest")], [
    true,
    false,
    true,
  ]);
  for (const token of ["", "first-toke", "first-token2", "FIRST-TOKEN"]) {
    assertEquals(tokens.find(token), undefined);
  }
});

const WRONG: readonly (readonly [text: string, message: string])[] = [
  ["", "there is none in the file"],
  ["# only a comment", "there is none in the file"],
  ["agents first-token", "line 1 of the tokens as it is not 'NAME SCOPE[,SCOPE] TOKEN': it has 2 words"],
  [
    "a read first-token\nb write second-token",
    'line 2 of the tokens as a scope is not one of ingest, read, admin: current value is "write"',
  ],
  ["agents ingest short", "the token has fewer than 8 characters"],
];

for (const [text, message] of WRONG) {
  Deno.test(`TokenSet.parse() refuses ${JSON.stringify(text)}, without showing a token`, () => {
    const error = assertThrows(() => TokenSet.parse(text), TokenFileError, message);
    assert(!/first-token|second-token|short/.test(error.message), error.message);
  });
}

Deno.test("TokenSet.sessionOf() is a token's own, does not show it, and ends with it", () => {
  const tokens = TokenSet.single("s3cret-token").with(TokenSet.parse("b read other-token"));
  const session = tokens.sessionOf("other-token")!;
  assertEquals(tokens.findSession(session)!.name, "b");
  assert(!session.includes("other"));
  assertEquals([tokens.findSession(`${session}x`), tokens.sessionOf("wrong")], [undefined, undefined]);
  assertEquals(TokenSet.single("s3cret-token").findSession(session), undefined);
});
