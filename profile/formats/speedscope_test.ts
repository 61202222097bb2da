// SPDX-License-Identifier: Apache-2.0
import { assertMatch } from "@std/assert";
import { withPage } from "../../tests/support/browser.ts";
import { testWith } from "../../tests/support/needs.ts";
import { npmPackage } from "../../tests/support/npm_package.ts";
import { demoProfile } from "../../tests/support/profiles.ts";
import { withLockSamples } from "../idle.ts";
import { speedscopeJson } from "./speedscope.ts";

const TYPES: Readonly<Record<string, string>> = { html: "text/html", js: "text/javascript", css: "text/css" };

testWith(["chromium"], "speedscope reads speedscopeJson() with the same weights", async () => {
  const folder = `${await npmPackage("speedscope", "1.25.0")}/dist/release`;
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, async (request) => {
    const name = new URL(request.url).pathname.slice(1) || "index.html";
    const body = await Deno.readFile(`${folder}/${name}`).catch(() => undefined);
    const type = TYPES[name.slice(name.lastIndexOf(".") + 1)] ?? "application/octet-stream";
    return body
      ? new Response(body, { headers: { "content-type": type } })
      : new Response(null, { status: 404 });
  });
  const profile = withLockSamples(demoProfile());
  const kinds = [{ kind: "cpu", profile }, { kind: "lock", profile }] as const;
  const file = btoa(speedscopeJson(kinds, { name: "demo" }));
  await withPage(async (page) => {
    const wait = (what: string) => page.waitForFunction(what, undefined, { polling: 200, timeout: 120_000 });
    // So called it waits for a file that is handed to it.
    await page.goto(`http://127.0.0.1:${server.addr.port}/#localProfilePath=none`, { waitUntil: "commit" });
    await wait("globalThis.speedscope");
    await page.evaluate(`speedscope.loadFileFromBase64("aperture.speedscope.json", ${JSON.stringify(file)})`);
    await wait(`document.body.innerText.includes("cpu (1/2)")`);
    // The table of functions.
    await page.keyboard.press("3");
    await wait(`document.body.innerText.includes("Symbol Name")`);
    const text = await page.evaluate("document.body.innerText") as string;
    assertMatch(text, /180\.00ms \(60%\)\s+180\.00ms \(60%\)\s+hot\n/);
    assertMatch(text, /30\.00ms \(10%\)\s+0\.00ns \(<0\.01%\)\s+read\n/);
    assertMatch(text, /300\.00ms \(100%\)\s+0\.00ns \(<0\.01%\)\s+main/);
  });
});
