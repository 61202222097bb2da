// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { gzipSync } from "node:zlib";
import { foldedStacks } from "../../profile/formats/folded.ts";
import { profileJson } from "../../profile/formats/json.ts";
import { pprofBytes } from "../../profile/formats/pprof.ts";
import { type Kind, type Profile, totalOf } from "../../profile/model.ts";
import { arbitraryBatch, makeBatch } from "../../tests/support/batches.ts";
import { FormatError } from "./loaded.ts";
import { parseProfile } from "./read.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const batch = makeBatch({ samples: 200, waits: 3 });

/** Sums values by function and module, as leaves. */
function leaves(profile: Profile): Record<string, number> {
  const sums = new Map<string, number>();
  const { strings, frames, samples, stacks } = profile;
  for (let i = 0; i < samples.kind.length; i++) {
    const row = stacks.frame[stacks.offset[samples.stack[i]!]!]!;
    const name = `${strings[frames.function[row]!]} ${strings[frames.module[row]!]}`;
    sums.set(name, (sums.get(name) ?? 0) + samples.value[i]!);
  }
  return Object.fromEntries([...sums].sort());
}

Deno.test("parseProfile() reads our pprof, packed or not, as what was written", async () => {
  const written = await pprofBytes(batch, {
    kind: "cpu",
    startNs: 1_767_225_600_000_000_000n,
    durationNs: 1e10,
  });
  const plain = new Uint8Array(
    await new Response(new Blob([written]).stream().pipeThrough(new DecompressionStream("gzip")))
      .arrayBuffer(),
  );
  for (const file of [written, plain]) {
    const { profile, kind, type, unit, startNs, durationNs, left } = parseProfile(file);
    assertEquals({ kind, type, unit, startNs, durationNs, left }, {
      ...{
        kind: "cpu",
        type: "cpu",
        unit: "nanoseconds",
        startNs: 1_767_225_600_000_000_000n,
        durationNs: 1e10,
        left: 0,
      },
    });
    assertEquals(totalOf(profile, "cpu"), totalOf(batch, "cpu"));
    assertEquals(leaves(profile), leaves(batch));
  }
  assertThrows(
    () => parseProfile(written, { type: "inuse_space" }),
    FormatError,
    "it has no 'inuse_space', but samples, cpu",
  );
});

Deno.test("parseProfile() reads our JSON as what was written, of the kind that is asked for", () => {
  const text = profileJson(batch, { startNs: 5n, durationNs: 7 });
  const { profile, types, startNs } = parseProfile(bytes(text));
  assertEquals([types, startNs], [["cpu", "lock", "syscall"], 5n]);
  assertEquals(pick(profile), pick(batch));
  assertEquals(parseProfile(bytes(text), { type: "lock" }).kind, "lock");
  assertThrows(() => parseProfile(bytes(text), { type: "heap" }), FormatError, "no 'heap'");
});

function pick({ strings, frames, stacks, series, samples, locks, syscalls }: Profile) {
  return { strings, frames, stacks, series, samples, locks, syscalls };
}

Deno.test("parseProfile() reads folded stacks: ours in nanoseconds, those of others as counts", () => {
  const text = foldedStacks(batch, { kind: "cpu" });
  const ours = parseProfile(bytes(text), { isFolded: true });
  assertEquals([ours.unit, totalOf(ours.profile).value], ["nanoseconds", totalOf(batch, "cpu").value]);
  assertEquals(foldedStacks(ours.profile, { kind: "cpu" }), text);
  const theirs = parseProfile(bytes("swapper;start;idle 3\nlone 4\n"));
  assertEquals([theirs.unit, totalOf(theirs.profile)], ["count", { value: 7, count: 7 }]);
  assertThrows(() => parseProfile(bytes("a;b 1\nno number\n")), FormatError, "line 2 is no folded stack");
});

Deno.test("parseProfile() gives a profile or says what is wrong, whatever the bytes are", async () => {
  const files = [
    await pprofBytes(batch, { kind: "cpu" }),
    bytes(profileJson(batch)),
    bytes(foldedStacks(batch, { kind: "cpu" })),
  ];
  const damage = fc.record({
    file: fc.constantFrom(...files),
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 8 }),
    end: fc.double({ min: 0, max: 1, noNaN: true }),
    isFolded: fc.boolean(),
  });
  fc.assert(fc.property(damage, ({ file, at, bytes, end, isFolded }) => {
    const damaged = file.slice(0, Math.ceil(end * file.length) || 1);
    damaged.set(
      bytes.subarray(0, damaged.length),
      Math.floor(at * Math.max(0, damaged.length - bytes.length)),
    );
    try {
      const { profile } = parseProfile(damaged, { isFolded });
      assert(totalOf(profile).value >= 0);
    } catch (error) {
      assert(error instanceof FormatError, String(error));
    }
  }));
});

Deno.test("parseProfile() refuses JSON that refers to what is not there", () => {
  fc.assert(
    fc.property(
      arbitraryBatch(),
      fc.constantFrom("frames", "samples", "stacks", "locks", "syscalls"),
      (batch, table) => {
        const document = JSON.parse(profileJson(batch));
        assertEquals(totalOf(parseProfile(bytes(JSON.stringify(document))).profile), totalOf(batch));
        const column = {
          frames: "function",
          samples: "stack",
          stacks: "frame",
          locks: "series",
          syscalls: "call",
        }[table]!;
        if (document[table][column].length === 0) return;
        document[table][column][0] = 2 ** 31;
        assertThrows(() => parseProfile(bytes(JSON.stringify(document))), FormatError, "not there");
      },
    ),
    { numRuns: 30 },
  );
});

Deno.test("parseProfile() unpacks no more than its bound", () => {
  assertThrows(() => parseProfile(new Uint8Array(gzipSync(new Uint8Array(0)))), FormatError, "it is empty");
  assertThrows(() => parseProfile(new Uint8Array([0x1f, 0x8b, 8, 0])), FormatError, "it cannot be unpacked");
});

Deno.test("parseProfile() takes each kind's own type of pprof", async () => {
  for (
    const [kind, type] of [["cpu", "cpu"], [
      "syscall",
      "latency",
    ]] as const satisfies readonly (readonly [Kind, string])[]
  ) {
    const written = await pprofBytes(batch, { kind });
    assertEquals(parseProfile(written, { type: kind }).type, type);
  }
});
