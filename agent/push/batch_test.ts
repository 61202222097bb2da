// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { eventCount, type Profile, totalOf } from "../../profile/model.ts";
import { readBatch } from "../../profile/wire/read_batch.ts";
import { writeBatch } from "../../profile/wire/write_batch.ts";
import { anyRecording, demoProfile } from "../../tests/support/profiles.ts";
import { halves, type Identity, isTooLarge, makeBatch } from "./batch.ts";

const identity: Identity = {
  agentId: "n1",
  epoch: 1_700_000_000_000_000_000n,
  node: "n1",
  agentVersion: "0.1.0",
};
const window = {
  startNs: 1_700_000_001_000_000_000n,
  endNs: 1_700_000_011_000_000_000n,
  losses: new Map([["user_stack", 3]]),
};

Deno.test("makeBatch() of any profile is one that the aggregator takes", () => {
  fc.assert(fc.property(anyRecording, (profile) => {
    const read = readBatch(writeBatch(makeBatch(profile, { identity, window, sequence: 7 })));
    assertEquals([read.agentId, read.epoch, read.sequence], ["n1", identity.epoch, 7]);
    assertEquals([totalOf(read), eventCount(read)], [totalOf(profile), eventCount(profile)]);
    assertEquals(read.losses, window.losses);
  }));
});

Deno.test("makeBatch() makes names that are too long and windows of a clock that was set fit", () => {
  const { startNs, endNs } = window;
  const profile = {
    ...demoProfile(),
    strings: demoProfile().strings.map((s) => s === "hot" ? "f".repeat(1e5) : s),
  };
  for (const w of [{ ...window, startNs: endNs + 5n }, { ...window, startNs: startNs - 10n ** 15n }]) {
    const read = readBatch(writeBatch(makeBatch(profile, { identity, window: w, sequence: 1 })));
    assertEquals(read.endNs, endNs);
    assert(read.strings.some((s) => s.startsWith("fff") && s.endsWith("…")));
  }
});

Deno.test("halves() shares the samples out, and gives the losses to one", () => {
  const [first, second] = halves({ profile: demoProfile(), window })!;
  assertEquals([first, second].map(({ profile }) => eventCount(profile)), [27, 6]);
  assertEquals([first.window.losses, second.window.losses], [window.losses, new Map()]);
  assertEquals(halves({ profile: halves(first)![0].profile, window }), undefined);
});

Deno.test("makeBatch() cuts names at a length at which one stack of them is taken", () => {
  const demo = demoProfile();
  const long = "f".repeat(16_384);
  const depth = 1024;
  // Each frame with names of its own, all as long as the agent may see them.
  const at = demo.strings.length;
  const index = new Uint32Array(depth).fill(at);
  const zeros = new Uint32Array(depth);
  const profile = {
    ...demo,
    strings: [...demo.strings, long],
    frames: {
      ...{ function: index, module: index, file: index, line: zeros, buildId: index },
      ...{ address: new Float64Array(depth), startLine: zeros, inlined: zeros, rank: zeros },
    },
    stacks: { offset: Uint32Array.of(0, depth), frame: Uint32Array.from({ length: depth }, (_, i) => i) },
    series: Object.fromEntries(
      Object.keys(demo.series).map((
        name,
      ) => [name, Uint32Array.of(name === "pid" || name === "labels" ? 0 : at)]),
    ),
    samples: {
      ...{ kind: Uint8Array.of(demo.samples.kind[0]!), series: Uint32Array.of(0), stack: Uint32Array.of(0) },
      ...{ value: Float64Array.of(1), count: Float64Array.of(1) },
    },
  } as unknown as Profile;
  const batch = makeBatch(profile, { identity, window, sequence: 1 });
  assert(!isTooLarge(batch));
  assert(isTooLarge({ ...profile, strings: [...demo.strings, long.repeat(2)] }));
});
