// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { testWith } from "../../tests/support/needs.ts";
import { TempFolder } from "../../tests/support/programs.ts";
import { defaultCacheFolder } from "./cache_folder.ts";

/** Asks for a file; the folder of its cache is made whatever comes of that. */
function find(env: Record<string, string>): void {
  const urls = { DEBUGINFOD_URLS: "http://127.0.0.1:9" }; // Port 9 discards: nobody answers.
  const options = { args: ["debuginfo", "0badcafe"], env: { ...urls, ...env }, clearEnv: true };
  new Deno.Command("debuginfod-find", options).outputSync();
}

testWith(["debuginfod-find"], "defaultCacheFolder() is where debuginfod-find keeps its files", () => {
  using folder = new TempFolder();
  const home = `${folder.path}/home`;
  const xdgCacheHome = `${folder.path}/xdg`;
  Deno.mkdirSync(home);
  assertEquals(defaultCacheFolder({ home }), `${home}/.cache/debuginfod_client`);
  find({ HOME: home });
  Deno.statSync(`${home}/.cache/debuginfod_client/cache_clean_interval_s`);

  assertEquals(defaultCacheFolder({ home, xdgCacheHome }), `${xdgCacheHome}/debuginfod_client`);
  find({ HOME: home, XDG_CACHE_HOME: xdgCacheHome });
  Deno.statSync(`${xdgCacheHome}/debuginfod_client/cache_clean_interval_s`);

  const old = `${home}/.debuginfod_client_cache`;
  Deno.mkdirSync(old);
  assertEquals(defaultCacheFolder({ home, xdgCacheHome }), old);
  find({ HOME: home, XDG_CACHE_HOME: xdgCacheHome });
  Deno.statSync(`${old}/cache_clean_interval_s`);
});

Deno.test("defaultCacheFolder() takes / for a user without a home", () => {
  assertEquals(defaultCacheFolder({}), "/.cache/debuginfod_client");
});
