// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { ChunkSpace, type Extent } from "./chunk_space.ts";

Deno.test("ChunkSpace gives out rows once, within one chunk, and takes them back", () => {
  const step = fc.oneof(
    fc.record({ take: fc.integer({ min: 1, max: 100 }) }),
    fc.record({ giveBack: fc.nat() }),
    fc.constant("shrink" as const),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 1, max: 4 }), (steps, maxChunks) => {
      const space = new ChunkSpace({ chunkRows: 100, maxChunks });
      const taken: Extent[] = [];
      for (const step of steps) {
        if (step === "shrink") {
          const before = space.freeRows;
          const last = taken.reduce((last, { chunk }) => Math.max(last, chunk), 0);
          assertEquals(space.shrink(), space.chunks);
          assert(space.chunks === 0 || space.chunks === last + 1);
          assertEquals(space.freeRows, before);
        } else if ("take" in step) {
          const before = space.freeRows;
          const extent = space.take(step.take) ?? (space.grow() ? space.take(step.take) : undefined);
          if (extent === undefined) continue;
          assertEquals(extent.count, step.take);
          assert(extent.first + extent.count <= 100 && extent.chunk < maxChunks);
          for (const other of taken) assert(!overlap(extent, other));
          assertEquals(space.freeRows, before - step.take);
          taken.push(extent);
        } else if (taken.length > 0) {
          const [extent] = taken.splice(step.giveBack % taken.length, 1);
          space.giveBack(extent!);
        }
      }
      for (const extent of taken) space.giveBack(extent);
      // Nothing is left in pieces.
      assertEquals(space.freeRows, maxChunks * 100);
      while (space.grow());
      for (let chunk = 0; chunk < maxChunks; chunk++) assert(space.take(100));
      assertEquals([space.chunks, space.take(1)], [maxChunks, undefined]);
    }),
  );
});

function overlap(a: Extent, b: Extent): boolean {
  return a.chunk === b.chunk && a.first < b.first + b.count && b.first < a.first + a.count;
}
