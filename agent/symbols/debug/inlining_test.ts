import { assertEquals } from "@std/assert";
import type { Frame } from "../../../profile/model.ts";
import { Demangler } from "../names/demangle.ts";
import { frameCache, frameKey } from "../frames.ts";
import { Inlining } from "./inlining.ts";
import type { MappedFile, Module } from "../modules.ts";

Deno.test("Inlining.want() counts what is too much for one window, and has it asked for again", () => {
  const frames = frameCache(64 << 20);
  const place = { path: "/nowhere", identity: "", bias: 0 };
  const modules = { debugPlace: () => place, forgetDebugPlace: () => {} };
  using inlining = new Inlining({ modules, frames, demangler: new Demangler(), bytes: 1 << 20 });
  const module = { number: 1, key: "m" } as Module;
  const frame: Frame = { function: "f", module: "m", file: "", line: 0, buildId: "", address: 0 };
  for (let address = 0; address < 65_539; address++) {
    frames.set(frameKey(module, address), [frame]);
    inlining.want(module, {} as MappedFile, address);
  }
  assertEquals(inlining.stats.dropped, 3);
  assertEquals([65_535, 65_536, 65_538].map((address) => frames.has(frameKey(module, address))), [
    true,
    false,
    false,
  ]);
});
