// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { crc32 } from "node:zlib";
import { testWith } from "../../../tests/support/needs.ts";
import { run, TempFolder } from "../../../tests/support/programs.ts";
import { debugFileCandidates, findDebugFile } from "./debug_files.ts";

const FILE = { path: "/opt/shop/bin/shop", buildId: "abcdef12", roots: ["/proc/7/root", ""] };
const LINK = { name: "shop.debug", checksum: 1 };

Deno.test("debugFileCandidates() lists build id, then link, in the process's root and then in the agent's", () => {
  const inRoot = [
    "/usr/lib/debug/.build-id/ab/cdef12.debug",
    "/opt/shop/bin/shop.debug",
    "/opt/shop/bin/.debug/shop.debug",
    "/usr/lib/debug/opt/shop/bin/shop.debug",
  ];
  assertEquals(debugFileCandidates(FILE, LINK), [...inRoot.map((path) => `/proc/7/root${path}`), ...inRoot]);
  assertEquals(debugFileCandidates({ ...FILE, buildId: "", roots: [""] }), []);
});

Deno.test("debugFileCandidates() follows no link that leads elsewhere", () => {
  const file = { ...FILE, buildId: "" };
  assertEquals(debugFileCandidates(file, { name: "../../../etc/shadow", checksum: 1 }), []);
  assertEquals(debugFileCandidates(file, { name: "", checksum: 1 }), []);
});

testWith(["gcc", "objcopy"], "findDebugFile() takes only the file's own debug file", () => {
  using root = new TempFolder();
  const at = (name: string) => `${root.path}/${name}`;
  const compile = (buildId: string) => {
    const flag = `-Wl,--build-id=${buildId}`;
    run("gcc", [
      "-shared",
      "-fPIC",
      "-g",
      flag,
      "-o",
      at("lib.so"),
      root.write("lib.c", "int f(void) { return 1; }"),
    ]);
    run("objcopy", ["--only-keep-debug", at("lib.so"), at("made.debug")]);
    return Deno.readFileSync(at("made.debug"));
  };
  const own = compile("0xabcdef12");
  const other = compile("0xabcdef13");
  const byId = root.write("usr/lib/debug/.build-id/ab/cdef12.debug", other);
  const file = { ...FILE, roots: [root.path] };
  assertEquals(findDebugFile(file), undefined);
  Deno.writeFileSync(byId, own.subarray(0, own.length / 2));
  assertEquals(findDebugFile(file), undefined);
  Deno.writeFileSync(byId, own);
  assertEquals(findDebugFile(file), byId);

  const bare = compile("none");
  const byLink = root.write("opt/shop/bin/.debug/shop.debug", bare);
  const unnamed = { ...file, buildId: "" };
  assertEquals(findDebugFile(unnamed, { ...LINK, checksum: crc32(bare) }), byLink);
  assertEquals(findDebugFile(unnamed, { ...LINK, checksum: crc32(bare) ^ 1 }), undefined);
});

testWith(["mkfifo"], "findDebugFile() does not wait for a named pipe", () => {
  using root = new TempFolder();
  root.write("opt/shop/bin/x", "");
  run("mkfifo", [`${root.path}/opt/shop/bin/shop.debug`]);
  assertEquals(findDebugFile({ ...FILE, roots: [root.path] }, LINK), undefined);
});
