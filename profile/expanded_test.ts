// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { writeBatch } from "./wire/write_batch.ts";
import { readBatch } from "./wire/read_batch.ts";
import { makeBatch } from "../tests/support/batches.ts";
import { anyRecording } from "../tests/support/profiles.ts";
import { expandedSize } from "./expanded.ts";
import { rowCount } from "./model.ts";
import { sliceProfile } from "./slice.ts";

Deno.test("expandedSize() counts a string as often as rows refer to it", () => {
  const batch = makeBatch({ samples: 10, functions: 100 });
  const name = batch.strings.length;
  const renamed = { ...batch.frames, function: batch.frames.function.map(() => name) };
  const size = (length: number) =>
    expandedSize({ ...batch, frames: renamed, strings: [...batch.strings, "f".repeat(length)] });
  assertEquals(size(1000) - size(0), 1000 * batch.frames.line.length);
});

Deno.test("expandedSize() of any profile is at least what its rows take, and its halves are no larger", () => {
  fc.assert(fc.property(anyRecording, (profile) => {
    const size = expandedSize(profile);
    const rows = rowCount(profile);
    assert(size >= 64 * rows);
    for (const [from, to] of [[0, rows >> 1], [rows >> 1, rows]] as const) {
      assert(expandedSize(sliceProfile(profile, from, to)) <= size);
    }
  }));
});

Deno.test("expandedSize() survives the wire", () => {
  const batch = makeBatch({ samples: 500, depth: 20 });
  assertEquals(expandedSize(readBatch(writeBatch(batch))), expandedSize(batch));
});
