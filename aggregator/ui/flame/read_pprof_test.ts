// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import fc from "fast-check";
import { ProfileBuilder } from "../../../profile/builder.ts";
import { pprofBytes } from "../../../profile/formats/pprof.ts";
import { readPprof, unpack } from "./read_pprof.ts";
import type { Tree } from "./tree.ts";

async function pprof(...stacks: readonly (readonly [path: string, value: number, count: number])[]) {
  const builder = new ProfileBuilder();
  for (const [path, value, count] of stacks) {
    const rows = path.split(";").toReversed().map((name) =>
      builder.frame({ function: name, module: "/bin/demo", file: "a.c", line: 3, buildId: "ab", address: 0 })
    );
    builder.add("cpu", builder.series({ comm: "demo" }), builder.stack(rows), value, count);
  }
  return await pprofBytes(builder.build(), { kind: "cpu", startNs: 0n, durationNs: 20e9 });
}

function find(tree: Tree, ...names: string[]): Tree | undefined {
  const [name, ...rest] = names;
  return name === undefined ? tree : find(tree.children.find((child) => child.name === name)!, ...rest);
}

Deno.test("readPprof() reads what the aggregator exports", async () => {
  const bytes = await unpack(new Blob([await pprof(["main;a;b", 30e6, 3], ["main;a", 10e6, 1])]));
  const { tree, total, seconds, type } = readPprof(bytes);
  assertEquals([total, seconds, type], [{ value: 40e6, count: 4 }, 20, "cpu"]);
  const a = find(tree, "main", "a")!;
  assertEquals([a.value, a.self, a.module, a.children.length], [40e6, 10e6, "/bin/demo", 1]);
});

Deno.test("readPprof() refuses any other bytes with a RangeError, and never runs on", async () => {
  const whole = await unpack(new Blob([await pprof(["main;a", 1, 1])]));
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.record({ at: fc.nat(whole.length - 1), byte: fc.nat(255), cut: fc.nat(whole.length) }).map(
      ({ at, byte, cut }) => {
        const changed = whole.slice(0, cut);
        if (at < changed.length) changed[at] = byte;
        return changed;
      },
    ),
  );
  fc.assert(fc.property(bytes, (bytes) => {
    try {
      const { tree } = readPprof(bytes);
      assertEquals(typeof tree.value, "number");
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
  }));
  assertThrows(() => readPprof(new TextEncoder().encode("main;a 3\n")), RangeError, "pprof");
});

Deno.test("unpack() refuses what is no gzip behind its first bytes", async () => {
  await assertRejects(() => unpack(new Blob([new Uint8Array([0x1f, 0x8b, 1, 2, 3])])));
});
