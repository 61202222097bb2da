// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import type { CodeFile } from "../../elf/code_file.ts";
import type { Frame } from "../../../profile/model.ts";
import { Demangler } from "../../../symbols/names/demangle.ts";
import { FrameCache } from "../frame_cache.ts";
import { Inlining } from "./inlining.ts";

Deno.test("Inlining.want() counts what is too much for one window, and has it asked for again", async () => {
  const frames = new FrameCache(64 << 20);
  const place = { path: "/nowhere", identity: "", bias: 0 };
  const locator = { of: () => place, forget: () => {} };
  await using inlining = new Inlining({
    locator,
    frames,
    demangler: new Demangler(),
    debug: { bytes: 1 << 20 },
  });
  const file = { serial: 1, key: "m" } as CodeFile;
  const frame: Frame = { function: "f", module: "m", file: "", line: 0, buildId: "", address: 0 };
  for (let address = 0; address < 65_539; address++) {
    frames.set(file.serial, address, [frame]);
    inlining.want(file, address);
  }
  assertEquals(inlining.stats.dropped, 3);
  const isKnown = (address: number) => frames.get(file.serial, address) !== undefined;
  assertEquals([65_535, 65_536, 65_538].map(isKnown), [true, false, false]);
});
