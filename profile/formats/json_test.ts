// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { anyRecording } from "../../tests/support/profiles.ts";
import { profileJson } from "./json.ts";

const TABLES = ["frames", "stacks", "series", "samples", "locks", "syscalls"] as const;

Deno.test("profileJson() holds every column", () => {
  fc.assert(fc.property(anyRecording, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (profile, startNs) => {
    const { version, node, startNs: start, durationNs, strings, ...tables } = JSON.parse(
      profileJson(profile, { node: "n1", startNs, durationNs: 5e9 }),
    );
    assertEquals([version, node, BigInt(start), durationNs], [1, "n1", startNs, 5e9]);
    assertEquals(strings, profile.strings);
    for (const table of TABLES) {
      assertEquals(Object.keys(tables[table]), Object.keys(profile[table]));
      for (const [name, column] of Object.entries(profile[table])) {
        assertEquals(tables[table][name], Array.from(column as Uint32Array), `${table}.${name}`);
      }
    }
    assertEquals(Object.keys(tables), [...TABLES]);
  }));
});
