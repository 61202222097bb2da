import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { anyProfile } from "../../tests/support/profiles.ts";
import { profileJson } from "./json.ts";

Deno.test("profileJson() holds every column", () => {
  fc.assert(fc.property(anyProfile, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (profile, startNs) => {
    const { version, node, startNs: start, durationNs, strings, ...tables } = JSON.parse(
      profileJson(profile, { node: "n1", startNs, durationNs: 5e9 }),
    );
    assertEquals([version, node, BigInt(start), durationNs], [1, "n1", startNs, 5e9]);
    assertEquals(strings, profile.strings);
    for (const table of ["frames", "stacks", "series", "samples"] as const) {
      assertEquals(Object.keys(tables[table]), Object.keys(profile[table]));
      for (const [name, column] of Object.entries(profile[table])) {
        assertEquals(tables[table][name], Array.from(column as Uint32Array), `${table}.${name}`);
      }
    }
    assertEquals(Object.keys(tables), ["frames", "stacks", "series", "samples"]);
  }));
});
