// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { ProfileBuilder } from "./builder.ts";
import { type Frame, frameAt, type Profile, RANK, stackCount } from "./model.ts";
import { oneShape } from "./one_shape.ts";

const SERIES = {
  ...{ pid: 1, comm: "a", exe: "/a", process: "", container: "", pod: "", namespace: "" },
  ...{ service: "", labels: "" },
};

function plain(address: number, name = `f${address}`): Frame {
  return { function: name, module: "/a", file: "", line: 0, buildId: "b", address, rank: RANK.symbols };
}

/** Returns what debug information makes of a location: one function that is inlined, and lines. */
function inlined(address: number): Frame[] {
  const known = { ...plain(address), file: "a.c", line: 7, rank: RANK.debug };
  return [{ ...known, function: `inner${address}`, inlined: true }, known];
}

function stacksOf(profile: Profile): string[] {
  const { offset, frame } = profile.stacks;
  return Array.from(
    { length: stackCount(profile) },
    (_, stack) =>
      Array.from(frame.subarray(offset[stack], offset[stack + 1]), (row) => {
        const { function: name, line } = frameAt(profile, row);
        return `${name}:${line}`;
      }).join(" "),
  );
}

/** Tells whether each of a stack's addresses is inlined there; 0 is a frame that is in no file. */
const stack = fc.array(fc.tuple(fc.nat(3), fc.boolean()), { minLength: 1, maxLength: 5 });

Deno.test("oneShape() has each location with its best names in all stacks, and the same totals", () => {
  fc.assert(fc.property(fc.array(stack, { maxLength: 8 }), (all) => {
    const builder = new ProfileBuilder();
    const series = builder.series(SERIES);
    const framesOf = (stack: readonly (readonly [number, boolean])[]) =>
      stack.flatMap(([address, deep]) => address > 0 && deep ? inlined(address) : [plain(address)]);
    for (const one of all) {
      const rows = framesOf(one).map((frame) => builder.frame(frame));
      builder.add("cpu", series, builder.stack(rows), 5, 1);
    }
    const before = builder.build();
    const after = oneShape(before);
    const known = new Set(all.flat().filter(([, deep]) => deep).map(([address]) => address));
    const expected = all.map((one) =>
      framesOf(one.map(([address]) => [address, known.has(address)] as const))
        .map(({ function: name, line }) => `${name}:${line}`).join(" ")
    );
    assertEquals(new Set(stacksOf(after)), new Set(expected));
    assertEquals(stackCount(after), new Set(expected).size);
    const total = ({ samples }: Profile) => samples.value.reduce((sum, value) => sum + value, 0);
    assertEquals(total(after), total(before));
  }));
});

Deno.test("oneShape() leaves a profile alone whose locations have one shape", () => {
  const builder = new ProfileBuilder();
  const rows = [...inlined(1), plain(2)].map((frame) => builder.frame(frame));
  builder.add("cpu", builder.series(SERIES), builder.stack(rows), 5, 1);
  const profile = builder.build();
  assertStrictEquals(oneShape(profile), profile);
});
