// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { anyRecording } from "../tests/support/profiles.ts";
import { holdAt } from "./holds.ts";
import { lockAt } from "./locks.ts";
import { frameAt, type Profile, rowCount, seriesAt, stackCount } from "./model.ts";
import { sliceProfile } from "./slice.ts";
import { syscallAt } from "./syscalls.ts";

function rows(profile: Profile): unknown[] {
  const { samples, stacks, locks, holds, syscalls } = profile;
  const place = ({ series, stack }: { series: number; stack: number }) => [
    seriesAt(profile, series),
    Array.from(stacks.frame.subarray(stacks.offset[stack], stacks.offset[stack + 1]), (row) => {
      return frameAt(profile, row);
    }),
  ];
  return [
    ...Array.from(samples.kind, (kind, i) => {
      const at = place({ series: samples.series[i]!, stack: samples.stack[i]! });
      return [kind, at, samples.value[i], samples.count[i]];
    }),
    ...Array.from(locks.outcome, (_, i) => {
      const { series, stack, holder, ...lock } = lockAt(profile, i);
      return [lock, place({ series, stack }), holder && place(holder)];
    }),
    ...Array.from(holds.class, (_, i) => {
      const { series, stack, ...hold } = holdAt(profile, i);
      return [hold, place({ series, stack })];
    }),
    ...Array.from(syscalls.call, (_, i) => {
      const { series, ...syscall } = syscallAt(profile, i);
      return [syscall, seriesAt(profile, series)];
    }),
  ];
}

Deno.test("sliceProfile() keeps each row as it was, in one of three slices", () => {
  fc.assert(fc.property(anyRecording, fc.nat({ max: 30 }), fc.nat({ max: 30 }), (profile, at, length) => {
    const ends = [0, at, at + length, Infinity];
    const parts = ends.slice(1).map((end, i) => sliceProfile(profile, ends[i]!, end));
    const all = rows(profile);
    assertEquals(all.length, rowCount(profile));
    parts.forEach((part, i) => assertEquals(rows(part), all.slice(ends[i], ends[i + 1])));
    for (const part of parts) {
      assertEquals(part.strings[0], "");
      assert(stackCount(part) <= rowCount(part) + part.locks.outcome.length);
      assert(part.series.pid.length <= rowCount(part) + part.locks.outcome.length);
      assert(part.frames.line.length <= part.stacks.frame.length);
    }
  }));
});
