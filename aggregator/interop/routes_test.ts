// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { testAccess, testHandler, testOptions } from "../../tests/support/http_handler.ts";
import { TokenSet } from "../access/tokens.ts";
import { Access } from "../access/access.ts";
import { sessionCookie } from "../http/session.ts";
import { foreignTable } from "./routes.ts";

const GET_SETTINGS = "/settings.v1.SettingsService/Get";
const JSON_TYPE = { "content-type": "application/json" };

async function codeOf(response: Response): Promise<[number, string | undefined]> {
  return [response.status, (await response.json()).code];
}

Deno.test("a foreign route takes a token in its header, and no session of the page", async () => {
  const access = testAccess("s3cret");
  const ask = testHandler({ access });
  const post = (headers: Record<string, string>) =>
    ask(GET_SETTINGS, { method: "POST", headers: { ...JSON_TYPE, ...headers }, body: "{}" });
  assertEquals(await codeOf(await post({})), [401, "unauthenticated"]);
  const cookie = sessionCookie(access.sessionOf("s3cret")!, { secure: false }).split(";")[0]!;
  assertEquals(await codeOf(await post({ cookie })), [401, "unauthenticated"]);
  assertEquals((await ask("/api/top", { headers: { cookie } })).status, 200);
  for (const authorization of ["Bearer s3cret", `Basic ${btoa("anybody:s3cret")}`]) {
    assertEquals((await post({ authorization, cookie: "grafana_session=1" })).status, 200, authorization);
  }
  const forwarded = { "x-grafana-user": "admin", "x-id-token": "s3cret", "x-scope-orgid": "1" };
  assertEquals(await codeOf(await post(forwarded)), [401, "unauthenticated"]);
});

Deno.test("a foreign route refuses who may only push, and a page of another site", async () => {
  const access = new Access({
    tokens: TokenSet.parse("agents ingest 12345678"),
    sleep: () => Promise.resolve(),
  });
  const headers = { ...JSON_TYPE, authorization: "Bearer 12345678" };
  const ask = testHandler({ access });
  assertEquals(await codeOf(await ask(GET_SETTINGS, { method: "POST", headers })), [
    403,
    "permission_denied",
  ]);
  const open = testHandler();
  for (const from of [{ origin: "https://evil.test" }, { "sec-fetch-site": "cross-site" }]) {
    const response = await open(GET_SETTINGS, { method: "POST", headers: { ...JSON_TYPE, ...from } });
    assertEquals(await codeOf(response), [403, "permission_denied"]);
  }
  // Grafana passes cookies on, without saying whose page asked.
  const proxied = { ...JSON_TYPE, cookie: "grafana_session=1" };
  assertEquals((await open(GET_SETTINGS, { method: "POST", headers: proxied })).status, 200);
});

Deno.test("a foreign route takes parameters that it does not know, and its own method alone", async () => {
  const ask = testHandler();
  assertEquals((await ask(`${GET_SETTINGS}?x=1`, { method: "POST", headers: JSON_TYPE })).status, 200);
  const got = await ask(GET_SETTINGS);
  assertEquals([got.status, got.headers.get("allow")], [405, "POST"]);
});

Deno.test("a method of any service that is not here is unimplemented", async () => {
  const ask = testHandler();
  for (
    const path of [
      "/settings.v1.SettingsService/Set",
      "/settings.v1.RecordingRulesService/ListRecordingRules",
      "/vcs.v1.VCSService/GithubApp",
      "/adhocprofiles.v1.AdHocProfileService/List",
      "/querier.v1.QuerierService/SelectHeatmap",
    ]
  ) {
    const response = await ask(path, { method: "POST", headers: JSON_TYPE, body: "{}" });
    assertEquals(await codeOf(response), [501, "unimplemented"], path);
  }
  for (const path of ["/v1.Service/", "/api/v1", "/x/y.v1.Z/A"]) {
    assertEquals((await ask(path, { method: "POST" })).status, 404, path);
  }
});

Deno.test("docs/interop.md has the table of foreign routes", async () => {
  const text = await Deno.readTextFile(new URL("../../docs/interop.md", import.meta.url));
  const rows = text.split("\n").map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()))
    .filter(([method]) => method === "GET" || method === "POST");
  assertEquals(
    rows.map((cells) => cells.join(" ")),
    // Only what routes say of themselves is looked at, so that they take in nothing.
    foreignTable(testOptions({ intake: {} as never })).map(({ method, path, scope, maxBytes, timeoutMs }) =>
      `${method} \`${path}\` ${scope} ${maxBytes} ${timeoutMs / 1000}`
    ),
  );
});
